"""Every law of the kit on every mode, by every entry, with a plain and a coroutine function."""

from __future__ import annotations

import pytest

from concur.testing import LAWS, Failed, Skipped, Subject, check

EXAMPLES = {"serial": 50, "sim": 50, "thread": 12, "async": 12, "process": 2}
FEWER = 20  # where every step of a serial or simulated run costs a thread's or a loop's turn
ENTRIES = ("sync", "asyncio", "trio")
SUBJECTS = [
    Subject(mode=mode, entry=entry, coroutine=coroutine)
    for mode in EXAMPLES
    for entry in ENTRIES
    for coroutine in (False, True)
    if mode != "process" or (entry, coroutine) not in {("asyncio", True), ("trio", False)}  # workers are dear
]


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
@pytest.mark.parametrize("name", LAWS)
def test_law(name: str, subject: Subject) -> None:
    examples = EXAMPLES[subject.mode]
    if subject.asynchronous or subject.coroutine:
        examples = min(examples, FEWER)
    verdict = check(name, subject, examples=examples, pooled=subject.mode == "process")
    if isinstance(verdict, Skipped):
        pytest.skip(f"{subject} lacks {', '.join(verdict.traits)}")
    if isinstance(verdict, Failed):
        raise AssertionError(
            f"{name} ({LAWS[name].sentence}) on {subject}:\n{verdict.counter_example}"
        ) from verdict.error
