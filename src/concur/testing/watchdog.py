"""Ends what hangs: says where every thread stands, then raises in the main thread."""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Hang", "watchdog"]

LAST_RESORT = 30.0  # seconds after the alarm at which a process that ignores it is ended


class Hang(BaseException):
    """A block took longer than its watchdog allows. No `Exception`: nothing on the way is to take it for its own."""


@contextmanager
def watchdog(seconds: float, what: str) -> Iterator[None]:
    """Allow a block `seconds`; then write all stacks to standard error and raise `Hang` in it.

    In the main thread the block is interrupted by a timer's signal. Elsewhere, or if it ignores that for
    `LAST_RESORT` seconds, the process is ended after the stacks were written.

    Raises:
        Hang: The block took too long.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        faulthandler.dump_traceback_later(seconds, exit=True)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
        return

    def bark(*_: object) -> None:
        print(f"watchdog: {what} hangs after {seconds:g} s", file=sys.__stderr__, flush=True)
        faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr)
        raise Hang(f"{what} took longer than {seconds:g} s; the stacks are on standard error")

    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, bark)
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + LAST_RESORT, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
        if outer:  # a watchdog around this one goes on
            left = max(outer - (time.monotonic() - began), 0.001)
            faulthandler.dump_traceback_later(left + LAST_RESORT, exit=True)
            signal.setitimer(signal.ITIMER_REAL, left)
