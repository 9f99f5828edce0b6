"""Reading arguments: the parser, and the checks that subcommands share.

What a subcommand does with its arguments lives with the subcommand.
"""

from __future__ import annotations

import argparse
import difflib
import math
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

__all__ = ["Parser", "names_from", "positive_int", "positive_number", "unknown_name"]


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one sentence: no usage lines above it."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit with 2."""
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(2)


def positive_int(text: str) -> int:
    """The whole number that `text` is, 1 or more."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return number


def positive_number(text: str) -> float:
    """The finite number that `text` is, above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def names_from(known: Iterable[str], *, noun: str) -> Callable[[str], tuple[str, ...]]:
    """Make an argument type that reads names with commas between them, each one of `known`."""
    choices = tuple(known)

    def read(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
        for name in names:
            if name not in choices:
                raise argparse.ArgumentTypeError(unknown_name(noun, name, choices))
        return names

    return read


def unknown_name(noun: str, name: str, known: Iterable[str]) -> str:
    """Say in one sentence that there is no such `noun`, and which word may have been meant."""
    choices = tuple(known)
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no {noun} {name!r}: {hint}(there is {', '.join(choices)})"
