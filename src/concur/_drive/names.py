"""The names of workers, as the operating system shows them.

Which name a worker has is its backend's business.
"""

from __future__ import annotations

import threading


def name_for_system(name: str) -> None:
    """Name the calling thread for the operating system: `ps -T -p PID` lists it.

    Linux keeps 15 bytes of a name, so a long one loses letters of its middle word and keeps its number.
    """
    kind, _, number = name.rpartition("-")
    short = name if len(name) <= 15 else f"{kind[: 14 - len(number)]}-{number}"
    try:
        # Unlike pthread_setname_np, this needs no ctypes. From 3.14 on Python does it by itself, cut at 15 bytes.
        with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as comm:
            comm.write(short)
    except OSError:
        pass  # not Linux: the name is only Python's
