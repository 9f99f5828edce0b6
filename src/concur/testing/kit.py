"""The registry of laws, and how one is tried on a subject. No law and no test runner is known here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from concur.testing.leaks import no_leaks
from concur.testing.noise import no_noise
from concur.testing.subject import run_on
from concur.testing.watchdog import Hang, watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from concur.testing.draws import Draw
    from concur.testing.subject import Subject

__all__ = ["LAWS", "Failed", "Held", "Law", "Skipped", "Verdict", "check", "check_all", "law"]

PATIENCE = 120.0  # seconds that one law may take on one subject
POOLED_WORKERS = 2  # of the pool that is kept for the examples of a law, where workers are dear

Level: TypeAlias = Literal["values", "errors", "flow", "cancel", "meta"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A promise, and the function that tries to break it.

    Attributes:
        name: As in the list of laws: `"V1"`; parts of one law have a word behind it.
        level: The file it stands in.
        sentence: What is promised.
        function: Takes a subject and hypothesis' `draw`, and fails if the promise is broken.
        needs: What a subject must have, by the names in `Subject.lacks`.
        fresh: Whether it needs workers of its own for each call, so that no pool can be kept for it.
        once: Whether one example says all.
        most: How many examples are worth their time where time is real, because each lets some of it pass.
    """

    name: str
    level: Level
    sentence: str
    function: Callable[[Subject, Draw], object]
    needs: tuple[str, ...] = ()
    fresh: bool = False
    once: bool = False
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The law held in every example."""

    law: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The law was broken: `counter_example` says how, with what was drawn."""

    law: str
    error: BaseException
    counter_example: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """The law was not tried, because the subject lacks `traits`."""

    law: str
    traits: tuple[str, ...]


Verdict: TypeAlias = Held | Failed | Skipped

LAWS: dict[str, Law] = {}


def law(
    name: str,
    sentence: str,
    *,
    needs: Iterable[str] = (),
    fresh: bool = False,
    once: bool = False,
    most: int | None = None,
) -> Callable[[Callable[[Subject, Draw], object]], Callable[[Subject, Draw], object]]:
    """Register a function as a law, at the level of the module that it stands in; see `Law` for the arguments."""

    def register(function: Callable[[Subject, Draw], object]) -> Callable[[Subject, Draw], object]:
        assert name not in LAWS, f"there are two laws {name}"
        level: Any = function.__module__.rpartition(".")[2]
        LAWS[name] = Law(
            name=name,
            level=level,
            sentence=sentence,
            function=function,
            needs=tuple(needs),
            fresh=fresh,
            once=once,
            most=most,
        )
        return function

    return register


def check(
    law: str | Law, subject: Subject, *, examples: int = 20, pooled: bool = False, patience: float = PATIENCE
) -> Verdict:
    """Try a law on a subject.

    Args:
        law: The law or its name.
        subject: What to try it on.
        examples: How many examples to draw.
        pooled: Whether workers are dear: the examples then share a pool, where the law allows it.
        patience: Seconds after which the law is taken to hang.

    Returns:
        `Held`; `Failed` with the smallest counter-example found; or `Skipped` with the traits that are missing.
    """
    tried = _load()[law] if isinstance(law, str) else law
    missing = subject.lacks(tried.needs)
    if missing:
        return Skipped(tried.name, tuple(missing))
    try:
        with watchdog(patience, f"a first call on {subject}"), no_noise():
            _warm_up(subject)
        with watchdog(patience, f"{tried.name} on {subject}"), no_noise(), no_leaks():
            if pooled and not tried.fresh:
                with subject.kept(POOLED_WORKERS) as kept:
                    _try(tried, kept, examples)
            else:
                _try(tried, subject, examples)
    except (Exception, Hang, BaseExceptionGroup) as exc:
        return Failed(tried.name, exc, _told(exc))
    return Held(tried.name)


def check_all(
    subject: Subject, *, examples: int = 20, pooled: bool = False, only: Iterable[str] | None = None
) -> list[Verdict]:
    """Try every law, or those named, on a subject.

    Examples:
        >>> from concur.testing import Subject, check_all
        >>> {type(verdict).__name__ for verdict in check_all(Subject(mode="serial"), only=["V1", "V4"], examples=5)}
        {'Held'}
    """
    names = list(_load()) if only is None else list(only)
    return [check(name, subject, examples=examples, pooled=pooled) for name in names]


def _load() -> dict[str, Law]:
    import_module("concur.testing.laws")  # registers them
    return LAWS


_warm: set[str] = set()


def _warm_up(subject: Subject) -> None:
    """Make one call, so that what it leaves for good is there before anything is counted."""
    if str(subject) not in _warm:
        from concur.testing.behaviour import Return

        subject.fresh.list([Return(0), Return(1)], workers=2)
        if find_spec("uvloop"):
            run_on("uvloop", checkpoint)
        _warm.add(str(subject))


def _try(law: Law, subject: Subject, examples: int) -> None:
    from concur.testing.worlds import in_world

    virtual = subject.traits.virtual_time
    cheap = virtual or not subject.traits.concurrent
    if law.once or (law.most is not None and not virtual):
        examples = min(examples, 1 if law.once else law.most or 1)

    checks: Any = HealthCheck  # iterable by its metaclass

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(checks),
        # Elsewhere the order of events differs from one run to the next: shrinking would chase shadows, slowly.
        phases=[Phase.generate, Phase.shrink] if cheap else [Phase.generate],
        report_multiple_bugs=False,
        print_blob=False,
        derandomize=False,
    )
    @given(st.data())
    def example(data: st.DataObject) -> None:
        law.function(in_world(subject, data.draw), data.draw)

    example()


def _told(error: BaseException) -> str:
    """Put an error and the notes that hypothesis gave it, which hold what was drawn, in words."""
    notes = getattr(error, "__notes__", ())
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, BaseExceptionGroup):
        text += "".join(f"\n  {type(part).__name__}: {part}" for part in error.exceptions)
    return "\n".join([text, *notes])
