"""The kit has a law by every name that it promises, and needs no test runner."""

from __future__ import annotations

import subprocess
import sys

from concur.testing import LAWS

NAMES = {
    "V": range(1, 18),
    "E": range(1, 18),
    "C": range(1, 14),
    "K": range(1, 13),
    "P": range(1, 2),
    "M": range(1, 4),
}


def test_every_law_is_there() -> None:
    assert {f"{letter}{number}" for letter, numbers in NAMES.items() for number in numbers} <= set(LAWS)


def test_each_law_stands_at_its_level() -> None:
    levels = {"V": "values", "E": "errors", "C": "flow", "K": "cancel", "P": "meta", "M": "meta"}
    assert all(law.level == levels[name[0]] and law.sentence for name, law in LAWS.items())


def test_the_kit_imports_no_test_runner_and_the_library_no_kit() -> None:
    # Hypothesis itself imports pytest where there is one: so there is none here.
    code = (
        "import sys; sys.modules['pytest'] = sys.modules['_pytest'] = None; import concur; concur.run_parallel;"
        "assert 'hypothesis' not in sys.modules; from concur.testing import Held, Subject, check;"
        "assert check('V1', Subject(mode='thread'), examples=3) == Held('V1'); print('ok')"
    )
    program = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert program.stdout == "ok\n", program.stderr
