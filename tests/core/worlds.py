"""Hypothesis strategies for worlds."""

from __future__ import annotations

from hypothesis import strategies as st
from world import Act, Boom, Ends, Kind, World

from concur._core.flight import GRACE
from concur._core.plan import OnError, Plan
from concur._core.retry import Retry

BRIEF = (0.0, 0.001, 0.01, GRACE)
SECONDS = st.sampled_from((*BRIEF, 0.1, 0.25, 1.0))
TIMEOUTS = st.sampled_from((0.01, GRACE, 0.1, 0.25))
DEADLINES = st.sampled_from((0.0, 0.01, GRACE, 0.2, 0.5, 2.0))
DELAYS = st.just((0.0,)) | st.lists(st.sampled_from((0.0, 0.0, 0.01, 0.06, 0.3)), min_size=1, max_size=5).map(tuple)
CHOICES = st.lists(st.integers(0, 11), min_size=1, max_size=12).map(tuple)
SHARES = st.lists(st.sampled_from((0.0, 0.5, 1.0)), min_size=1, max_size=3).map(tuple)
SIZES = st.integers(0, 12) | st.integers(0, 40)


@st.composite
def retries(draw: st.DrawFn) -> Retry:
    return Retry(
        attempts=draw(st.integers(1, 4)),
        on=draw(st.sampled_from(((Exception,), (Boom,), (Boom, TimeoutError)))),
        backoff=draw(st.sampled_from((0.0, 0.01, 0.2))),
        jitter=draw(st.sampled_from((0.0, 0.5, 1.0))),
        max_delay=draw(st.sampled_from((0.05, 60.0))),
    )


@st.composite
def worlds(
    draw: st.DrawFn,
    *,
    ends: tuple[Ends, ...] = ("value", "error", "fatal", "crash"),
    on_error: tuple[OnError, ...] = ("raise", "group", "collect"),
    retrying: bool = False,
    timeouts: bool = False,
    deadlines: bool = False,
    leaves: bool = False,
    source_fails: bool = True,
    kinds: tuple[Kind, ...] = ("kill", "firm", "abandon", "gentle", "late"),
    prompt: bool | None = None,
) -> World:
    """Draw a world.

    Args:
        ends: How attempts may end. "never" is left out where nothing could end such a body.
        on_error: What to choose from.
        retrying: Whether failed items are tried again.
        timeouts: Whether there is a `timeout`.
        deadlines: Whether there is a `deadline`.
        leaves: Whether the consumer leaves early.
        source_fails: Whether the source may fail.
        kinds: The kinds of session to choose from.
        prompt: True: a world without delays; None: either.
    """
    n = draw(SIZES)
    kind = draw(st.sampled_from(kinds))
    stream = draw(st.booleans())
    known = draw(st.booleans())
    policy = draw(st.sampled_from(on_error))
    retry = draw(retries()) if retrying else None
    plan = Plan(
        workers=1 if kind == "late" else draw(st.integers(1, 4)),
        stream=stream,
        ordered=draw(st.booleans()) or not stream,
        window=draw(st.none() | st.integers(1, n + 2)),
        chunksize=draw(st.sampled_from((None, None, 1, 2, 3, max(n, 1), n + 1))),
        total=n if known else None,
        on_error=policy,
        timeout=draw(TIMEOUTS) if timeouts else None,
        deadline=draw(DEADLINES) if deadlines else None,
        retry=retry,
    )
    if kind == "late":
        ends = tuple(end for end in ends if end not in ("never", "crash"))
    acts = st.builds(Act, st.sampled_from(ends), SECONDS)
    rhythm = draw(st.lists(st.sampled_from((*BRIEF, 0.1)), min_size=1, max_size=3))
    special = draw(st.dictionaries(st.integers(0, max(n - 1, 0)), st.lists(acts, min_size=1, max_size=4), max_size=5))
    behaviour = [tuple(special.get(index, [Act("value", rhythm[index % len(rhythm)])])) for index in range(n)]
    swift = draw(st.booleans()) if prompt is None else prompt
    return World(
        plan=plan,
        acts=tuple(behaviour),
        answers=tuple(draw(st.lists(st.integers(1, 5) | st.sampled_from((0.0, 0.01, 0.3)), max_size=6))),
        source_fails=source_fails and draw(st.sampled_from((False, False, True))),
        ends_with_items=draw(st.booleans()),
        pull_seconds=0.0 if swift else draw(st.sampled_from((0.0, 0.02))),
        takes=draw(st.integers(1, n)) if leaves and n else None,
        pause=0.0 if swift else draw(st.sampled_from((0.0, 0.03, 1.0))),
        kind=kind,
        startup=draw(st.sampled_from((0.0, 0.01, 0.3))),
        cleanup=draw(st.sampled_from((0.0, 0.01, 0.2))),
        stop=policy == "raise" and retry is None and draw(st.booleans()),
        returns_unbegun=draw(st.booleans()),
        delays=(0.0,) if swift else draw(DELAYS),
        choices=draw(CHOICES),
        tick=0.0 if swift else draw(st.sampled_from((0.0, 0.0001))),
        randoms=draw(SHARES),
    )
