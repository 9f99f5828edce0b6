"""Finds a call that has no main guard, before it starts a worker that would run the script again."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, Any

from concur.errors import MainGuardMissing

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["check_main_guard"]


def check_main_guard() -> None:
    """Refuse a call at the top level of a script that workers import again.

    Two cases are sure: this process is a worker that imports the script right now; or the script's running line
    stands at its top level, under no `if` at all. All others are left to the worker's start.

    Raises:
        MainGuardMissing: One of the two.
    """
    import multiprocessing

    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise MainGuardMissing()
    frame = _main_frame()
    if frame is not None and _unguarded(frame.f_code.co_filename, frame.f_lineno):
        raise MainGuardMissing(f"line {frame.f_lineno} of {frame.f_code.co_filename}")


def _main_frame() -> FrameType | None:
    """Find the frame that runs the main script's top level in this thread, if workers will import that script."""
    main = sys.modules.get("__main__")
    spec: Any = getattr(main, "__spec__", None)
    if main is None or getattr(main, "__file__", None) is None or hasattr(sys, "ps1"):
        return None  # interactive, -c or a notebook: there is nothing to import
    if spec is not None and (spec.name == "__main__" or spec.name.endswith(".__main__")):
        return None  # python -m package: multiprocessing does not import it again
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals is main.__dict__ and frame.f_code.co_name == "<module>":
            return frame
        frame = frame.f_back
    return None


def _unguarded(filename: str, line: int) -> bool:
    try:
        with open(filename, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return False
    for statement in tree.body:
        if statement.lineno <= line <= (statement.end_lineno or statement.lineno):
            return not isinstance(statement, ast.If | ast.Try | ast.FunctionDef | ast.Match)
    return False
