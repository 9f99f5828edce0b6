"""Hypothesis strategies for laws: configurations, values, scripts; and the plain loop that says what is right.

Nothing here knows a mode.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from hypothesis import strategies as st

from concur._core.outcome import Failed, Ok
from concur.testing.behaviour import Compute, Raise, Return, Rich, Script, Set, perform
from concur.testing.subject import Raised, Returned, attempt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")

__all__ = ["Config", "Draw", "configs", "expected", "odd_values", "same_error", "same_value", "scripts", "values"]


class Draw(Protocol):
    """How a law draws: hypothesis' `data.draw`."""

    def __call__(self, strategy: st.SearchStrategy[T], label: str | None = None) -> T: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a call is cut up.

    Attributes:
        workers: Bodies at once.
        chunksize: Items of a job; None: by measure.
        window: Items pulled and not delivered; None: the default.
    """

    workers: int
    chunksize: int | None
    window: int | None

    @property
    def options(self) -> dict[str, Any]:
        """What to give to a verb."""
        return {"workers": self.workers, "chunksize": self.chunksize, "window": self.window}


@st.composite
def configs(
    draw: st.DrawFn, n: int, *, workers: st.SearchStrategy[int] | None = None, windowed: bool = False
) -> Config:
    """Draw a configuration for `n` items; `windowed` ones have a window."""
    chunksizes = st.sampled_from([None, 1, 2, 3, max(n, 1), n + 1])
    windows = st.sampled_from([1, 2, 3, 5, max(n, 1), n + 1])
    return Config(
        workers=draw(workers if workers is not None else st.integers(1, 4)),
        chunksize=draw(chunksizes),
        window=draw(windows if windowed else st.none() | windows),
    )


def values() -> st.SearchStrategy[Any]:
    """Draw plain values that can be pickled and compared."""
    simple = st.integers(-3, 99) | st.text("ab", max_size=3) | st.booleans() | st.none()
    return simple | st.tuples(simple, simple) | st.lists(simple, max_size=2)


ODD_VALUES: tuple[Any, ...] = (
    None,
    ...,
    NotImplemented,
    float("nan"),
    StopIteration,
    StopIteration(1),
    StopAsyncIteration(),
    ValueError("a value, not an error"),
    KeyboardInterrupt(),
    GeneratorExit,
    Ok(index=9, item=None, value=1),
    Failed(index=9, item=None, error=ValueError("inside")),
    (),
    [],
    Exception,
)


def odd_values(*, picklable: bool) -> st.SearchStrategy[Any]:
    """Draw values that a library might take for signals of its own."""
    local = () if picklable else (Future[int](), object(), iter(()), (value for value in range(0)), lambda: None)
    return st.sampled_from((*ODD_VALUES, *local))


def errors() -> st.SearchStrategy[Raise]:
    """Draw errors of many kinds: with arguments, causes, contexts, notes and attributes."""
    kinds = st.sampled_from([ValueError, KeyError, OSError, LookupError, ArithmeticError, TimeoutError, Rich])
    plain = st.builds(Raise, kinds, st.tuples(st.text("xy", max_size=3)))
    return st.builds(
        Raise,
        kinds,
        st.tuples(st.text("xy", max_size=3)),
        cause=st.none() | plain,
        context=st.none() | plain,
        notes=st.lists(st.text("no", max_size=3), max_size=2).map(tuple),
        attributes=st.lists(st.tuples(st.sampled_from(["detail", "retriable"]), st.integers(0, 3)), max_size=1).map(
            tuple
        ),
    )


def _double(value: Any) -> Any:
    return (value, value)


def _name(value: Any) -> str:
    return repr(value)


def _wrap(value: Any) -> Any:
    return [value]


STEPS = (_double, _name, _wrap)


@st.composite
def scripts(draw: st.DrawFn, *, most: int = 40, least: int = 0, failing: bool = False) -> list[Script]:
    """Draw scripts that return, or with `failing` also raise; up to `most`."""
    returning: st.SearchStrategy[Script] = st.builds(Return, values()) | st.builds(
        Compute, values(), st.lists(st.sampled_from(STEPS), max_size=2).map(tuple)
    )
    one = st.one_of(returning, returning, st.builds(Set, st.integers(0, 3)))
    if failing:
        one = st.one_of(one, one, errors())
    size = draw(st.integers(least, min(most, 5)) | st.integers(least, most))
    return draw(st.lists(one, min_size=size, max_size=size))


def expected(items: Iterable[Any]) -> list[Returned | Raised]:
    """Say what becomes of each item: the oracle. Each body starts from a context of its own."""
    from contextvars import copy_context

    def one(item: Any) -> Returned | Raised:
        return copy_context().run(lambda: attempt(lambda: perform(item)))

    return [one(item) for item in items]


def prefix(answers: Sequence[Returned | Raised]) -> tuple[list[Any], BaseException | None]:
    """Give the values before the first error, and that error: what the serial loop does."""
    kept: list[Any] = []
    for answer in answers:
        if isinstance(answer, Raised):
            return kept, answer.error
        kept.append(answer.value)
    return kept, None


def same_value(one: Any, two: Any) -> bool:
    """Say whether two values are the same to a user, who may have got one of them by pickle."""
    if one is two:
        return True
    if type(one) is not type(two):
        return False
    if isinstance(one, BaseException):
        return same_error(one, two)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same_value, one, two))
    if isinstance(one, Ok | Failed):
        return repr(one) == repr(two)
    return bool(one == two) or (one != one and two != two)


def same_error(one: BaseException | None, two: BaseException | None, *, chain: bool = True) -> bool:
    """Say whether `two` is the error `one`: type, arguments, attributes, the notes it had, and its chain.

    The notes that the library added do not count: they name workers, which differ. Nor does a context behind a cause,
    which no traceback shows.
    """
    if one is None or two is None:
        return one is two
    notes = [note for note in getattr(one, "__notes__", ()) if not note.startswith("concur: ")]
    return (
        type(one) is type(two)
        and same_value(one.args, two.args)
        and _attributes(one) == _attributes(two)
        and list(getattr(two, "__notes__", ()))[: len(notes)] == notes
        and (
            not chain
            or (
                one.__suppress_context__ == two.__suppress_context__
                and same_error(one.__cause__, two.__cause__)
                and (
                    one.__cause__ is not None or one.__context__ is None or same_error(one.__context__, two.__context__)
                )
            )
        )
    )


def _attributes(error: BaseException) -> dict[str, Any]:
    return {name: value for name, value in vars(error).items() if name != "__notes__"}
