"""Finds the fenced Python blocks of the README and the docs, and runs one as a script of its own.

What a page says about a block stands in HTML comments before its fence:
    <!-- raises: InvalidCall -->   the script ends with this exception
    <!-- needs: ps -->             skipped where this command is not installed
A `text` block right after a Python block is its output, compared as doctest does: `...` stands for anything. For a
block that raises, the output ends with the exception's line, message and notes, as Python prints them.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path

import concur

ROOT = Path(__file__).resolve().parents[2]
TIME_LIMIT = 30.0  # seconds for one block

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL
)
_MARK = re.compile(r"<!--\s*(?P<key>raises|needs):\s*(?P<value>\w+)\s*-->\s*\Z")
_OUTPUTS = ("text", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One Python block of a page."""

    page: str
    line: int
    code: str
    output: str | None = None
    raises: str | None = None
    needs: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a script ended."""

    exitcode: int
    stdout: str
    stderr: str


def pages() -> list[Path]:
    """List the README and every page of the docs."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def examples() -> list[Example]:
    """List every Python block of every page."""
    return [example for page in pages() if page.exists() for example in examples_of(page)]


def examples_of(page: Path) -> list[Example]:
    """List the Python blocks of one page."""
    text = page.read_text(encoding="utf-8")
    blocks = list(_FENCE.finditer(text))
    found = []
    for at, block in enumerate(blocks):
        if block["kind"] != "python":
            continue
        following = blocks[at + 1] if at + 1 < len(blocks) else None
        output = None
        if (
            following is not None
            and following["kind"] in _OUTPUTS
            and not text[block.end() : following.start()].strip()
        ):
            output = _dedented(following)
        marks = _marks_before(text[: block.start()])
        found.append(
            Example(
                page=page.relative_to(ROOT).as_posix(),
                line=text.count("\n", 0, block.start()) + 2,
                code=_dedented(block),
                output=output,
                raises=marks.get("raises"),
                needs=marks.get("needs"),
            )
        )
    return found


def run(code: str, directory: Path) -> Ended:
    """Run a script in `directory`, with the `concur` of this process."""
    script = directory / "example.py"
    script.write_text(code, encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith("CONCUR_")}
    source = str(Path(concur.__file__).resolve().parents[1])
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [source, env.get("PYTHONPATH")]))
    env["NO_COLOR"] = "1"
    env.pop("FORCE_COLOR", None)
    ended = subprocess.run(
        [sys.executable, "-W", "error", script.name],
        cwd=directory,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    return Ended(exitcode=ended.returncode, stdout=ended.stdout, stderr=ended.stderr)


def complaint(example: Example, ended: Ended) -> str | None:
    """Say what is wrong with how an example ended; None if all is as the page says."""
    shown = f"\n--- stdout\n{ended.stdout}--- stderr\n{ended.stderr}"
    printed = ended.stdout
    if example.raises is None:
        if ended.exitcode != 0:
            return f"exit code {ended.exitcode}{shown}"
        if ended.stderr:
            return f"something on standard error{shown}"
    else:
        error = _error(example.raises, ended.stderr)
        if ended.exitcode == 0 or error is None:
            return f"no {example.raises} was raised (exit code {ended.exitcode}){shown}"
        printed += error.rstrip() + "\n"
    if example.output is None or OutputChecker().check_output(example.output, printed, ELLIPSIS):
        return None
    return f"other output than the page shows\n--- page\n{example.output}--- here\n{printed}"


def _error(name: str, stderr: str) -> str | None:
    """Give the end of a traceback from the line that names the exception."""
    match = re.search(rf"^(?:\w+\.)*{name}(?::|$).*", stderr, re.MULTILINE | re.DOTALL)
    return match[0] if match else None


def _dedented(block: re.Match[str]) -> str:
    width = len(block["indent"])
    return "".join(line[width:] if line.strip() else "\n" for line in block["text"].splitlines(keepends=True))


def _marks_before(text: str) -> dict[str, str]:
    marks: dict[str, str] = {}
    while match := _MARK.search(text):
        marks[match["key"]] = match["value"]
        text = text[: match.start()]
    return marks
