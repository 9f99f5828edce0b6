"""Resident memory of this process, in bytes, from Linux's /proc.

`getrusage` will not do: its peak is inherited from the parent across fork and exec.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["peak", "reset_peak", "resident"]


def resident() -> int:
    """Bytes resident now."""
    return _field("VmRSS")


def peak() -> int:
    """The most bytes ever resident, or since `reset_peak`."""
    return _field("VmHWM")


def reset_peak() -> None:
    """Let `peak` start again from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")  # see proc(5)


def _field(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/self/status has no {name}")
    return int(found[1]) * 1024
