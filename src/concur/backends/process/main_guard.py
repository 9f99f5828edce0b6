"""Finds a call that has no main guard, before it starts a worker that would run the script again."""

from __future__ import annotations

import ast
import sys
from os.path import exists
from typing import TYPE_CHECKING, Any

from concur.errors import MainGuardMissing, Unsupported

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["check_main_guard"]


_BLOCKS = ("body", "orelse", "finalbody")  # where the statements of a statement are


def check_main_guard() -> None:
    """Refuse a call at the top level of a script that workers import again.

    Two cases are sure: this process is a worker that imports the script right now; or the script's running line
    stands at its top level, under nothing that may decide about it. All others are left to the worker's start.

    Raises:
        MainGuardMissing: One of the two.
        Unsupported: There is a script, but no file of it that workers could import.
    """
    import multiprocessing

    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise MainGuardMissing()
    _check_file()
    frame = _main_frame()
    if frame is not None and _unguarded(frame.f_code.co_filename, frame.f_lineno):
        raise MainGuardMissing(f"line {frame.f_lineno} of {frame.f_code.co_filename}")


def _check_file() -> None:
    main = sys.modules.get("__main__")
    filename = getattr(main, "__file__", None)
    if filename is not None and getattr(main, "__spec__", None) is None and not exists(filename):
        raise Unsupported(
            f"worker processes import the main script again, and {filename} is not a file that they could read: "
            'save the script and run it from its file, or use mode="thread"'
        )


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
            body: list[ast.stmt] = ast.parse(file.read()).body
    except (OSError, SyntaxError, ValueError):
        return False
    while body:
        around = [part for part in body if part.lineno <= line <= (part.end_lineno or part.lineno)]
        if any(_decides(statement) for statement in around):
            return False
        owners = [owner for statement in around for owner in (statement, *getattr(statement, "handlers", []))]
        body = [part for owner in owners for name in _BLOCKS for part in getattr(owner, name, [])]
    return True


def _decides(statement: ast.stmt) -> bool:
    """Say whether a statement may run a part of itself only in the main process: `if`, `match`, `and`, `or`."""
    if isinstance(statement, ast.If):
        return not isinstance(statement.test, ast.Constant)
    if isinstance(statement, ast.Match | ast.FunctionDef | ast.AsyncFunctionDef):
        return True
    expressions = [] if hasattr(statement, "body") else list(ast.walk(statement))
    return any(isinstance(part, ast.BoolOp | ast.IfExp) for part in expressions)
