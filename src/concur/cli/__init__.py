"""The command `concur`: finds the subcommand, and turns how it ended into an exit code.

No subcommand's own arguments or work live here; each is a module (see `Command`) listed in `COMMANDS`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

from concur.cli import demo
from concur.cli._arguments import Parser, unknown_name
from concur.errors import ConcurError, InvalidOption

__all__ = ["COMMANDS", "Command", "main"]

INTERRUPTED = 130  # 128 + SIGINT, what a shell reports for a program that Ctrl-C ended
READER_GONE = 141  # 128 + SIGPIPE, what it reports for one whose reader went away


class Command(Protocol):
    """What a module must have to be a subcommand."""

    @property
    def SUMMARY(self) -> str:  # noqa: N802 - the constant of a module
        """One line for `concur --help`."""
        ...

    def configure(self, parser: argparse.ArgumentParser, /) -> None:
        """Add the subcommand's arguments."""

    def run(self, arguments: argparse.Namespace, /) -> int:
        """Do the work; returns the exit code."""
        ...


COMMANDS: Mapping[str, Command] = {"demo": demo}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after `concur`; those of the process by default.

    Returns:
        The exit code: 0, 1 for work that failed, 2 for a wrong command line or setting, 130 after Ctrl-C,
        141 when the reader of the output went away.
    """
    try:
        code = _dispatch(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except ConcurError as exc:
        print(f"concur: {exc}", file=sys.stderr)
        return 2 if isinstance(exc, InvalidOption) else 1
    except KeyboardInterrupt:
        print("concur: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout once more at exit, and would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return code


def _dispatch(words: Sequence[str]) -> int:
    """Run the subcommand that `words` name: what precedes its name is for `concur` itself."""
    place = next((index for index, word in enumerate(words) if not word.startswith("-")), len(words))
    top = _top_parser()
    top.parse_args(words[:place])
    if place == len(words):
        top.print_help()
        return 0
    name = words[place]
    if name not in COMMANDS:
        top.error(unknown_name("command", name, COMMANDS))
    command = COMMANDS[name]
    parser = Parser(prog=f"concur {name}", description=command.SUMMARY)
    command.configure(parser)
    return command.run(parser.parse_args(words[place + 1 :]))


def _top_parser() -> Parser:
    lines = "\n".join(f"  {name:<10}{command.SUMMARY}" for name, command in COMMANDS.items())
    return Parser(
        prog="concur",
        usage="concur COMMAND [OPTIONS]",
        description="One call, run_parallel(fn, items, mode=...), over threads, processes and asyncio.",
        epilog=f"commands:\n{lines}\n\n`concur COMMAND --help` explains a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
