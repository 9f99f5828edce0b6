"""Hears errors that nobody is told: in finalisers, in threads, and in what event loops log.

What a call leaves behind otherwise is for `leaks`.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Noise", "no_noise"]


class Noise(AssertionError):
    """An error was reported to nobody in particular."""


class _Listener(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard.append(f"log {record.name}: {record.getMessage()}")


@contextmanager
def no_noise() -> Iterator[None]:
    """Fail if an error surfaces in the block that no caller gets.

    Raises:
        Noise: One did.
    """
    heard: list[str] = []
    listener = _Listener(heard)
    loggers = [logging.getLogger(name) for name in ("asyncio", "trio", "concur")]
    hooks: Any = (sys.unraisablehook, threading.excepthook)
    sys.unraisablehook = lambda args: heard.append(f"unraisable: {args.exc_value!r} in {args.object!r}")
    threading.excepthook = lambda args: heard.append(f"thread {args.thread}: {args.exc_value!r}")
    for logger in loggers:
        logger.addHandler(listener)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(listener)
        sys.unraisablehook, threading.excepthook = hooks
    if heard:
        raise Noise("errors that nobody was told:\n  " + "\n  ".join(heard))
