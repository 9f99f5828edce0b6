"""Programs of their own: run with a time limit, their process group ended whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import concur

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 60.0  # seconds; a hang, not a slow machine
_PATHS = os.pathsep.join([str(Path(__file__).parent), str(Path(concur.__file__).parents[1])])


@contextmanager
def program(source: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a script in a process group of its own; its output is caught."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "program.py")
        script.write_text(dedent(source))
        process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": _PATHS},
            process_group=0,
        )
        try:
            yield process
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.communicate()


def run_program(source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    with program(source, *arguments) as process:
        stdout, stderr = process.communicate(timeout=LIMIT)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
