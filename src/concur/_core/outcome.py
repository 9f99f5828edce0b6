"""What became of one item: the public outcomes, and the `Failure` that workers report.

No decision about outcomes lives here: which failure is final is the schedule's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, NoReturn, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from typing import Any, Literal

    Kind: TypeAlias = Literal["failed", "timed_out", "crashed", "cancelled"]

__all__ = ["Cancelled", "Crashed", "Failed", "Ok", "Outcome", "TimedOut"]

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What all outcomes have.

    Attributes:
        index: The item's position in `items`, from 0.
        item: The item itself.
        attempts: How many times its body was started; 0 when it never ran.
        duration: Seconds its last body took; 0.0 when it never ran.
        worker: The name of the worker that ran it last; `""` when it never ran.
    """

    index: int
    item: Any
    attempts: int = 1
    duration: float = 0.0
    worker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ok(_Outcome, Generic[R_co]):
    """The item's body returned `value`.

    Examples:
        >>> import concur
        >>> [outcome.value for outcome in concur.run_parallel(abs, [-1, 2], on_error="collect") if outcome.ok]
        [1, 2]
    """

    ok: ClassVar[Literal[True]] = True
    value: R_co

    def unwrap(self) -> R_co:
        """Return the value."""
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bad(_Outcome):
    """What all outcomes without a value have: the `error`, the very exception that `on_error="raise"` would raise."""

    ok: ClassVar[Literal[False]] = False
    error: BaseException

    def unwrap(self) -> NoReturn:
        """Raise the error."""
        raise self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(_Bad):
    """The item's body raised `error`, or the item or its result could not be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut(_Bad):
    """The item's body ran for longer than `timeout`; `error` is an `ItemTimeout`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed(_Bad):
    """The worker process died while it ran the item; `error` is a `WorkerCrashed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(_Bad):
    """The call ended (its `deadline`) before the item's body did, or before it began."""


Outcome: TypeAlias = Ok[R_co] | Failed | TimedOut | Crashed | Cancelled

BAD: dict[str, type[Failed] | type[TimedOut] | type[Crashed] | type[Cancelled]] = {
    "failed": Failed,
    "timed_out": TimedOut,
    "crashed": Crashed,
    "cancelled": Cancelled,
}


class Failure:
    """Why an item has no value, as a worker reports it."""

    __slots__ = ("error", "kind")

    def __init__(self, error: BaseException, kind: Kind = "failed") -> None:
        self.error = error
        self.kind = kind

    def __repr__(self) -> str:
        return f"Failure({self.error!r}, {self.kind!r})"


_REPR_LENGTH = 120
_SIZED: tuple[type[Any], ...] = (list, tuple, set, frozenset, dict, str, bytes, bytearray)


def short_repr(item: Any, length: int = _REPR_LENGTH) -> str:
    """Give `repr(item)` cut to `length` characters; a repr that fails is told, not raised."""
    try:
        if isinstance(item, _SIZED) and len(item) > 4 * length:
            text = f"<{type(item).__name__} of length {len(item)}>"  # a repr of all of it could take seconds
        else:
            text = repr(item)
    except Exception as exc:
        text = f"<{type(item).__name__} whose repr raised {type(exc).__name__}>"
    return text if len(text) <= length else text[: length - 3] + "..."


def annotate(error: BaseException, *, index: int, item: object, worker: str, attempt: int) -> None:
    """Note on a user's exception which item it is about. The same note is not added twice."""
    where = f" in {worker}" if worker else ""
    add_note(error, f"concur: item {index} ({short_repr(item)}) failed{where}, attempt {attempt}")


def add_note(error: BaseException, note: str) -> None:
    """Add a note to a user's exception, unless it has it or will not take any: its notes may be no list."""
    notes: Any = getattr(error, "__notes__", None)
    if notes is None:
        set_plainly(error, "__notes__", [note])
    elif isinstance(notes, list) and note not in notes:
        cast("list[str]", notes).append(note)


def set_plainly(error: BaseException, name: str, value: object) -> None:
    """Set an attribute of a user's exception, which may be a frozen dataclass that refuses the usual way."""
    BaseException.__setattr__(error, name, value)
