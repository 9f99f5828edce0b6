"""Progress of a run: a bar in a terminal, or a callback. Exact in items; never a reason for a run to fail.

Counting is the schedule's; this only shows it.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from concur.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable

    from concur._core.schedule import Schedule

__all__ = ["Bar", "Tally"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How far a run has come, in items.

    Attributes:
        done: Items with their final outcome, failed ones included. Never decreases.
        total: Items in all; None when `items` has no length.
        failed: Items whose final outcome is a failure.
        retried: Attempts beyond the first, so far.
    """

    done: int
    total: int | None
    failed: int = 0
    retried: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """A progress bar, for `progress=`: `progress="label"` is short for `progress=Bar("label")`.

    Args:
        label: Stands before the bar.
        always: Draw it also where standard error is not a terminal.
    """

    label: str = ""
    always: bool = False


class Show(Protocol):
    """What a look does: it is told the counts after each report, and closed once."""

    def tell(self, schedule: Schedule) -> None: ...
    def close(self) -> None: ...


def show_for(progress: Any, total: int | None) -> Show | None:
    """Give the look that `progress=` asks for; None for no look.

    Raises:
        MissingExtra: A bar is asked for, and tqdm is not installed.
    """
    if progress is None or progress is False:
        return None
    if isinstance(progress, str):
        progress = Bar(progress)
    elif progress is True:
        progress = Bar()
    if isinstance(progress, Bar):
        drawable = sys.stderr is not None and not getattr(sys.stderr, "closed", False)
        return _TqdmBar(progress, total) if drawable else None
    return _Callback(progress, total)


def check_bar() -> None:
    """Refuse a bar that cannot be drawn."""
    from importlib.util import find_spec

    if find_spec("tqdm") is None:
        raise MissingExtra("a progress bar needs tqdm: pip install 'concur[progress]'")


class _Callback:
    """Calls the user's function once for each item."""

    def __init__(self, function: Callable[[Tally], object], total: int | None) -> None:
        self._function = function
        self._total = total
        self._done = self._failed = 0

    def tell(self, schedule: Schedule) -> None:
        while self._done < schedule.done:
            self._done += 1
            left = schedule.done - self._done  # of items that ended together, those that failed are counted last
            self._failed = max(self._failed, schedule.failed - left)
            failed = self._failed
            tally = Tally(done=self._done, total=self._total, failed=failed, retried=schedule.retried)
            try:
                self._function(tally)
            except Exception as exc:
                self._complain(exc)

    def close(self) -> None:
        """Nothing is open."""

    def _complain(self, exc: Exception) -> None:
        self._function = _nothing
        try:
            warnings.warn(f"the progress callback raised {exc!r}; it is not called again", RuntimeWarning, stacklevel=2)
        except Warning:
            pass  # warnings are errors here: a handler still changes nothing


def _nothing(tally: Tally) -> None:
    del tally


class _TqdmBar:
    """tqdm's bar on standard error, without its monitor thread."""

    def __init__(self, bar: Bar, total: int | None) -> None:
        from tqdm import tqdm

        # A class of our own: the setting must not reach the user's bars.
        plain: Any = type("Plain", (tqdm,), {"monitor_interval": 0})
        disable = None if not bar.always else False  # None: tqdm's word for "unless it is a terminal"
        self._bar: Any = plain(total=total, desc=bar.label or None, unit="item", file=sys.stderr, disable=disable)
        self._failed = self._retried = 0

    def tell(self, schedule: Schedule) -> None:
        try:
            if (schedule.failed, schedule.retried) != (self._failed, self._retried):
                self._failed, self._retried = schedule.failed, schedule.retried
                counts = {"failed": self._failed, "retried": self._retried}
                self._bar.set_postfix({name: count for name, count in counts.items() if count}, refresh=False)
            self._bar.update(schedule.done - self._bar.n)
        except (OSError, ValueError):
            self._bar.disable = True  # standard error is closed

    def close(self) -> None:
        try:
            self._bar.close()
        except (OSError, ValueError):
            pass
