"""Pure: who won, and one sentence why, from the figures alone.

No clock and no workload here: what the sentence claims must follow from the `Evidence`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Evidence", "Verdict", "judge"]

TIE = 1.10  # this close to the fastest is a tie: two runs in one mode differ as much
GAIN = 1.25  # from this speed-up on, workers did run at the same time
WAITING = 0.3  # below this share of CPU time, the work mostly waits; a queue for a CPU can look like some

LABELS = {"serial": "the plain loop", "thread": "threads", "process": "processes"}
SINGULAR = frozenset({"serial", "async"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured of one workload.

    Attributes:
        seconds: By mode and form; holds `("serial", "def")`, the plain loop.
        cpu_share: CPU time of the plain loop over the time it had a CPU or waited, 0 to 1.
        expected: The modes that the textbook would choose.
        workers: How many worked at once in the parallel modes.
        cpus: How many CPUs could be used.
        gil: Whether this Python runs with a GIL.
    """

    seconds: Mapping[tuple[str, str], float]
    cpu_share: float
    expected: Sequence[str]
    workers: int
    cpus: int
    gil: bool = True

    def gain(self, mode: str) -> float | None:
        """The best speed-up of a mode against the plain loop, None where it did not run."""
        best = min((taken for key, taken in self.seconds.items() if key[0] == mode), default=None)
        return None if best is None else self.seconds["serial", "def"] / best

    @property
    def waits(self) -> bool:
        """Whether the plain loop mostly waited."""
        return self.cpu_share < WAITING


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of one workload.

    Attributes:
        mode: The mode of the fastest combination.
        form: The form of the function in it.
        tied: Other modes that came about as close as one can tell, the fastest first.
        as_expected: Whether an expected mode is the winner or tied with it; None where none was run.
        reason: One sentence.
    """

    mode: str
    form: str
    tied: tuple[str, ...]
    as_expected: bool | None
    reason: str


def judge(evidence: Evidence) -> Verdict:
    """Name the winner and say why."""
    mode, form = min(evidence.seconds, key=lambda key: evidence.seconds[key])
    front = _front(evidence)
    expected = [name for name in evidence.expected if evidence.gain(name) is not None]
    met = [name for name in front if name in expected]
    told = met[0] if met else front[0]
    if "serial" in front:
        reason = _nothing_won(evidence, front)
    else:
        others = [name for name in front if name != told]
        reason = f"{_lead(told, others)} - {_why(told, evidence)}"
    if expected and not met:
        reason += f" ({_but(expected, evidence)})"
    return Verdict(
        mode=mode,
        form=form,
        tied=tuple(name for name in front if name != mode),
        as_expected=bool(met) if expected else None,
        reason=reason,
    )


def _front(evidence: Evidence) -> list[str]:
    """The modes that are as good as the fastest, the fastest first."""
    gains = {mode: evidence.gain(mode) or 0.0 for mode, _ in evidence.seconds}
    best = max(gains.values())
    return sorted((mode for mode in gains if gains[mode] * TIE >= best), key=lambda mode: -gains[mode])


def _lead(told: str, others: Sequence[str]) -> str:
    if others:
        return f"{_listed([told, *others])} tie"
    return f"{_label(told)} {'wins' if told in SINGULAR else 'win'}"


def _why(mode: str, evidence: Evidence) -> str:
    """Why `mode`, which is in front, got there."""
    if evidence.waits:
        return f"the work waits ({evidence.cpu_share:.0%} of its time is CPU), {_waiting_in(mode, evidence)}"
    threads = evidence.gain("thread")
    gain = evidence.gain(mode) or 0.0
    gained = f"{gain:.1f}x"
    if mode != "process":
        carried = "" if mode == "thread" else "in async mode too a plain function runs in threads, and "
        freed = "the work releases the GIL" if evidence.gil else "this Python has no GIL"
        if gain >= GAIN:
            return f"{carried}{freed}, so threads run at the same time ({gained}) and no process has to start"
        return f"by a little only ({gained})"
    if threads is None:
        return f"the work computes, and processes use several CPUs at once ({gained})"
    if threads < GAIN <= gain and evidence.gil:
        turns = f"threads take turns ({threads:.1f}x)"
        return f"the work holds the GIL, so {turns} and processes do not ({gained})"
    return f"{gained} against {threads:.1f}x with threads"


def _waiting_in(mode: str, evidence: Evidence) -> str:
    many = evidence.workers
    if mode == "async" and ("async", "async def") in _best_forms(evidence):
        return f"and one event loop waits for {many} items at once"
    if mode == "process":
        return f"and {many} workers in processes wait at the same time"
    return f"and {many} threads wait at the same time"


def _best_forms(evidence: Evidence) -> set[tuple[str, str]]:
    """The fastest combination of each mode."""
    by_mode: dict[str, tuple[str, str]] = {}
    for key in sorted(evidence.seconds, key=lambda key: evidence.seconds[key]):
        by_mode.setdefault(key[0], key)
    return set(by_mode.values())


def _nothing_won(evidence: Evidence, front: Sequence[str]) -> str:
    if len({mode for mode, _ in evidence.seconds}) == 1:
        return "only the plain loop was run"
    others = [mode for mode in front if mode != "serial"]
    lead = f"the plain loop ties with {_listed(others)}" if others else "nothing beat the plain loop"
    if evidence.cpus == 1 and not evidence.waits:
        return f"{lead} - there is one usable CPU, and the work computes"
    busy = "" if evidence.waits else ", or other programs keep the CPUs busy"
    return f"{lead} - the work is too small to pay for workers{busy}"


def _but(expected: Sequence[str], evidence: Evidence) -> str:
    reached = " and ".join(f"{_label(mode)} reached {evidence.gain(mode):.1f}x" for mode in expected)
    return f"the textbook says {_listed(expected, last='or')}; here {reached}"


def _listed(modes: Sequence[str], last: str = "and") -> str:
    labels = [_label(mode) for mode in modes]
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} {last} {labels[-1]}"


def _label(mode: str) -> str:
    return LABELS.get(mode, mode)
