"""`import concur` is light, and so is each first use: what is optional is loaded when it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
HEAVY = {
    "anyio", "asyncio", "cloudpickle", "concurrent.futures", "dask", "hypothesis", "logging", "multiprocessing",
    "numpy", "pickle", "ray", "rich", "socket", "subprocess", "tqdm", "trio", "uvloop",
}  # fmt: skip
LOOPS = {"anyio", "asyncio", "trio"}


def loaded_by(program: str) -> set[str]:
    """Give the names out of `HEAVY` that a fresh interpreter has loaded at the end of a program."""
    report = f"import json, sys\nprint(json.dumps([name for name in {sorted(HEAVY)!r} if name in sys.modules]))"
    done = subprocess.run(
        # -S leaves out site-packages' start-up files, which may import anything.
        [sys.executable, "-S", "-c", f"{program}\n{report}"],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_import_loads_nothing_heavy() -> None:
    assert loaded_by("import concur") == set()


@pytest.mark.parametrize("mode", ["serial", "thread", "sim"])
def test_a_plain_call_in_a_light_mode_loads_no_loop_and_no_processes(mode: str) -> None:
    call = f"import concur\nassert concur.run_parallel(abs, [-1], mode={mode!r}) == [1]"
    assert not loaded_by(call) & {*LOOPS, "multiprocessing", "tqdm", "numpy"}


def test_naming_every_public_thing_loads_nothing_heavy() -> None:
    assert loaded_by("from concur import *\nfrom concur.errors import *\nOptions(workers=2), using(), pool()") == set()


def test_the_star_import_gives_exactly_the_public_names() -> None:
    program = "before = set(dir())\nfrom concur import *\nimport concur\n"
    check = "assert set(dir()) - before - {'before', 'concur'} == set(concur.__all__)"
    loaded_by(program + check)
