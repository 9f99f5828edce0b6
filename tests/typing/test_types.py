"""mypy and pyright agree with the promises and the refusals of this folder, and no public type is left to guesswork."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
REFUSALS = HERE / "refusals.py"
CHECKERS = {
    "mypy": [sys.executable, "-m", "mypy"],
    "pyright": [sys.executable, "-m", "pyright", "--pythonpath", sys.executable],
}
COMMENT = {"mypy": r"# type: ignore\[[^]]+\]", "pyright": r"# pyright: ignore\[[^]]+\]"}
LINE_OF_ERROR = re.compile(r"refusals\.py:(\d+)(?::\d+)?(?: -|:) error:")


def check(checker: str, *args: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip(checker)
    # Without the caller's PYTHONPATH, which mypy would take for another copy of the package.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    return subprocess.run(
        [*CHECKERS[checker], *args], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("checker", CHECKERS)
def test_promises_are_kept_and_each_wrong_line_is_refused(checker: str) -> None:
    # An expected error that does not come is an error too: both report a comment that silences nothing.
    done = check(checker)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("checker", CHECKERS)
def test_without_the_comments_exactly_the_wrong_lines_are_errors(checker: str) -> None:
    lines = REFUSALS.read_text().splitlines(keepends=True)
    expected = {number for number, line in enumerate(lines, 1) if re.search(COMMENT[checker], line)}
    bare = HERE / f"_bare_{checker}_refusals.py"  # beside it, so that the project's own settings hold
    bare.write_text("".join(re.sub(r"  # (type|pyright): ignore\[.*", "", line) for line in lines))
    try:
        done = check(checker, str(bare))
    finally:
        bare.unlink()
    assert {int(number) for number in LINE_OF_ERROR.findall(done.stdout)} == expected, done.stdout


def test_both_checkers_are_asked_about_the_same_lines() -> None:
    marked = [line for line in REFUSALS.read_text().splitlines() if re.search("ignore\\[", line)]
    assert len(marked) > 70
    assert all(re.search(comment, line) for line in marked for comment in COMMENT.values())


def test_every_public_type_is_written_down(tmp_path: Path) -> None:
    # pyright looks for the package beside the first `python` of the PATH, whatever --pythonpath says.
    pytest.importorskip("pyright")
    for name in ("python", "python3"):
        (tmp_path / name).write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT / "src"}" exec "{sys.executable}" "$@"\n')
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [*CHECKERS["pyright"][:3], "--verifytypes", "concur", "--ignoreexternal"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Type completeness score: 100%" in done.stdout, done.stdout
