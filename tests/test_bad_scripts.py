"""Process mode in a program that workers cannot import as it stands: a clear sentence, soon, and few processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

GUARD = 'if __name__ == "__main__":'
SOURCE = Path(__file__).parent.parent / "src"
HEAD = """\
import asyncio, contextlib, os
import concur
from concur.backends.process import Process

with open(os.environ["RUNS"], "a") as runs:  # a line for each process that runs this program
    runs.write("x")

def double(number):
    return 2 * number

"""
CALL = "print(concur.run_parallel(double, [1, 2, 3], mode={mode}, workers=2))"
AT_TOP_LEVEL = {
    "a call": CALL,
    "a call under if True": f"if True:\n    {CALL}",
    "a call under try": f"try:\n    {CALL}\nfinally:\n    pass",
    "a call in a loop": f"for _ in range(1):\n    {CALL}",
    "a call in a function": f"def main():\n    {CALL}\nmain()",
    "a stream": "with concur.iter_parallel(double, [1, 2, 3], mode={mode}) as results:\n    print(list(results))",
    "a pool": "with concur.pool(mode={mode}) as pool:\n    print(pool.run_parallel(double, [1, 2, 3]))",
    "an async call": (
        "async def main():\n    print(await concur.arun_parallel(double, [1, 2, 3], mode={mode}))\nasyncio.run(main())"
    ),
}
MODES = ['Process("forkserver")', 'Process("spawn")']


class Ended:
    def __init__(self, done: subprocess.CompletedProcess[str], runs: int) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr
        self.runs = runs

    def assert_refused(self, kind: str, *words: str) -> None:
        """It ended with this error, and at most its two workers had begun to run the program."""
        assert self.code == 1, self.err
        assert self.out == ""
        (error,) = [line for line in self.err.splitlines() if line.startswith(f"concur.{kind}: ")][-1:]
        for word in words:
            assert word in self.err[self.err.rindex(error) :]
        assert self.runs <= 3


def run(tmp_path: Path, *args: str, given: str | None = None) -> Ended:
    runs = tmp_path / "runs"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "RUNS": str(runs)}
    done = subprocess.run(
        [sys.executable, *args], cwd=tmp_path, env=environment, input=given, capture_output=True, text=True, timeout=30
    )
    return Ended(done, len(runs.read_text()))


def script(tmp_path: Path, body: str, mode: str = '"process"') -> str:
    path = tmp_path / "script.py"
    path.write_text(HEAD + body.replace("{mode}", mode) + "\n")
    return str(path)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("body", AT_TOP_LEVEL.values(), ids=AT_TOP_LEVEL)
def test_without_a_main_guard_the_line_and_the_guard_are_named(tmp_path: Path, body: str, mode: str) -> None:
    ended = run(tmp_path, script(tmp_path, body, mode))
    ended.assert_refused("MainGuardMissing", GUARD, "would then start workers of its own", "script.py")
    assert ended.runs == 1, "it was refused before a worker ran the program"


@pytest.mark.parametrize("mode", MODES)
def test_under_a_condition_that_is_no_main_guard_a_worker_finds_it_out(tmp_path: Path, mode: str) -> None:
    ended = run(tmp_path, script(tmp_path, f"if os.getpid():\n    {CALL}", mode))
    ended.assert_refused("WorkerStartFailed", "ended before it was ready", GUARD)
    assert "concur.MainGuardMissing" in ended.err


@pytest.mark.parametrize(
    "body",
    [
        f"{GUARD}\n    {CALL}",
        f"def main():\n    {CALL}\n{GUARD}\n    main()",
        f"with contextlib.nullcontext():\n    {GUARD}\n        {CALL}",
        f"try:\n    pass\nfinally:\n    {GUARD}\n        {CALL}",
        f"def main():\n    {CALL}\n__name__ == '__main__' and main()",
    ],
)
def test_with_a_main_guard_it_runs(tmp_path: Path, body: str) -> None:
    ended = run(tmp_path, script(tmp_path, body))
    assert (ended.code, ended.out, ended.err) == (0, "[2, 4, 6]\n", "")


def test_a_package_run_with_m_is_told_where_to_put_its_function(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(HEAD + CALL.format(mode='"process"'))
    (package / "tool.py").write_text(HEAD + CALL.format(mode='"process"'))
    (package / "good.py").write_text(f"{HEAD}{GUARD}\n    " + CALL.format(mode='"process"'))
    ended = run(tmp_path, "-m", "package")
    ended.assert_refused("NotTransferable", "'double'", "define it at the top level of a module")
    run(tmp_path, "-m", "package.tool").assert_refused("MainGuardMissing", GUARD, "tool.py")
    assert run(tmp_path, "-m", "package.good").out == "[2, 4, 6]\n"


@pytest.mark.parametrize("mode", MODES)
def test_a_function_of_a_program_given_with_c_cannot_be_sent(tmp_path: Path, mode: str) -> None:
    program = HEAD + CALL.format(mode=mode)
    ended = run(tmp_path, "-c", program)
    ended.assert_refused("NotTransferable", "'double'", "comes from -c", "define it at the top level of a module")


def test_a_function_that_workers_can_import_runs_from_a_program_given_with_c(tmp_path: Path) -> None:
    program = HEAD + CALL.format(mode='"process"').replace("double", "abs")
    ended = run(tmp_path, "-c", program)
    assert (ended.code, ended.out, ended.err) == (0, "[1, 2, 3]\n", "")


def test_a_function_of_an_interactive_session_cannot_be_sent(tmp_path: Path) -> None:
    # At the end of its input an interactive session ends well, whatever its statements raised.
    program = HEAD.replace("    runs.write", "    _ = runs.write") + CALL.format(mode='"process"') + "\n"
    ended = run(tmp_path, "-i", given=program.replace('"x")\n', '"x")\n\n'))
    assert "concur.NotTransferable: fn was pickled" in ended.err
    assert "an interactive session" in ended.err
    assert (ended.out, ended.runs) == ("", 1)


@pytest.mark.parametrize("body", [CALL, f"{GUARD}\n    {CALL}"], ids=["without a guard", "with a guard"])
def test_a_program_from_standard_input_is_asked_to_be_a_file(tmp_path: Path, body: str) -> None:
    for args in ([], ["-"]):
        ended = run(tmp_path, *args, given=HEAD + body.format(mode='"process"') + "\n")
        ended.assert_refused("Unsupported", "<stdin> is not a file", "run it from its file", 'mode="thread"')
        (tmp_path / "runs").unlink()


def test_a_program_from_standard_input_runs_in_forked_workers(tmp_path: Path) -> None:
    ended = run(tmp_path, "-", given=HEAD + CALL.format(mode='Process("fork")') + "\n")
    assert (ended.code, ended.out, ended.err) == (0, "[2, 4, 6]\n", "")
