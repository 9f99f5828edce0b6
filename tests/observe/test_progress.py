"""Progress: exact in items, in a real terminal and for a callback; and never a reason for a run to change."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

import concur
from concur import Bar, Tally

pty = pytest.importorskip("pty", reason="a terminal is needed")
termios = pytest.importorskip("termios")
MODES = ("serial", "thread", "process", "async", "sim")
SOURCE = Path(__file__).parent.parent.parent / "src"


def third_fails(number: int) -> int:
    if number % 3 == 2:
        raise ValueError(number)
    return number


async def athird_fails(number: int) -> int:
    return third_fails(number)


# -- a callback -----------------------------------------------------------------------------------------------------


def run(fn: Any, items: Any, **options: Any) -> Any:
    return concur.run_parallel(fn, items, **options)


def stream(fn: Any, items: Any, **options: Any) -> Any:
    with concur.iter_parallel(fn, items, **options) as results:
        return list(results)


def run_on_asyncio(fn: Any, items: Any, **options: Any) -> Any:
    async def main() -> Any:
        return await concur.arun_parallel(fn, items, **options)

    return asyncio.run(main())


def stream_on_trio(fn: Any, items: Any, **options: Any) -> Any:
    async def main() -> Any:
        async with concur.aiter_parallel(fn, items, **options) as results:
            return [value async for value in results]

    return anyio.run(main, backend="trio")


entries = pytest.mark.parametrize("entry", [run, stream, run_on_asyncio, stream_on_trio], ids=lambda e: e.__name__)


@entries
@pytest.mark.parametrize("fn", [third_fails, athird_fails], ids=["plain", "coroutine"])
@pytest.mark.parametrize("mode", MODES)
def test_a_callback_hears_of_every_item_once(entry: Callable[..., Any], fn: Any, mode: str) -> None:
    tallies: list[Tally] = []
    entry(fn, range(30), mode=mode, workers=2, chunksize=4, on_error="collect", progress=tallies.append)
    assert [tally.done for tally in tallies] == list(range(1, 31)), "items, never chunks"
    assert {tally.total for tally in tallies} == {30}
    failed = [tally.failed for tally in tallies]
    assert failed == sorted(failed)
    assert failed[-1] == 10
    assert all(tally.failed <= tally.done for tally in tallies)


@pytest.mark.parametrize("mode", ["serial", "thread", "async", "sim"])
def test_attempts_beyond_the_first_are_told_and_are_not_items(mode: str) -> None:
    tallies: list[Tally] = []
    first = {3, 5}

    def fails_once(number: int) -> int:
        if number in first:
            first.discard(number)
            raise OSError
        return number

    assert concur.run_parallel(fails_once, range(8), mode=mode, retry=2, progress=tallies.append) == list(range(8))
    assert [tally.done for tally in tallies] == list(range(1, 9))
    assert (tallies[-1].retried, tallies[-1].failed) == (2, 0)


@entries
def test_without_a_length_there_is_no_total(entry: Callable[..., Any]) -> None:
    tallies: list[Tally] = []
    entry(abs, (number for number in range(5)), mode="thread", progress=tallies.append)
    assert [(tally.done, tally.total) for tally in tallies] == [(done, None) for done in range(1, 6)]


def test_an_empty_run_tells_nothing() -> None:
    tallies: list[Tally] = []
    assert concur.run_parallel(abs, [], mode="thread", progress=tallies.append) == []
    assert tallies == []


@pytest.mark.parametrize("mode", MODES)
def test_a_failure_ends_the_tally_at_or_below_the_total(mode: str) -> None:
    tallies: list[Tally] = []
    with pytest.raises(ValueError, match="2"):
        concur.run_parallel(third_fails, range(30), mode=mode, workers=2, progress=tallies.append)
    assert [tally.done for tally in tallies] == list(range(1, len(tallies) + 1))
    assert 3 <= len(tallies) <= 30


def test_after_a_stream_is_left_nothing_more_is_told() -> None:
    tallies: list[Tally] = []
    with concur.iter_parallel(abs, itertools.count(), mode="thread", window=4, progress=tallies.append) as results:
        assert next(results) == 0
    told = len(tallies)
    assert told >= 1
    assert [tally.done for tally in tallies] == list(range(1, told + 1))


def test_a_callback_runs_in_the_thread_that_asks_for_results() -> None:
    seen: set[threading.Thread] = set()
    concur.run_parallel(abs, range(9), mode="thread", progress=lambda tally: seen.add(threading.current_thread()))
    assert seen == {threading.current_thread()}


@entries
@pytest.mark.parametrize("mode", MODES)
def test_a_callback_that_raises_changes_nothing_and_is_dropped(entry: Callable[..., Any], mode: str) -> None:
    calls: list[Tally] = []

    def broken(tally: Tally) -> None:
        calls.append(tally)
        raise RuntimeError("no such window")

    with pytest.warns(RuntimeWarning, match="the progress callback raised .*no such window.* not called again"):
        assert entry(abs, range(-9, 0), mode=mode, progress=broken) == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert len(calls) == 1


def test_it_changes_nothing_where_warnings_are_errors() -> None:
    def broken(tally: Tally) -> None:
        raise RuntimeError(tally)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert concur.run_parallel(abs, [-1, -2], mode="thread", progress=broken) == [1, 2]


def test_false_and_none_are_no_progress(capfd: pytest.CaptureFixture[str]) -> None:
    for progress in (False, None):
        assert concur.run_parallel(abs, [-1], mode="serial", progress=progress) == [1]
    assert capfd.readouterr() == ("", "")


# -- a bar ----------------------------------------------------------------------------------------------------------

PROGRAM = """\
import concur
from concur import Bar

def third_fails(number):
    if number % 3 == 2:
        raise ValueError(number)
    return number

if __name__ == "__main__":
    {body}
"""


def shown(tmp_path: Path, body: str) -> str:
    """Run a program whose standard error is a terminal, and give what it wrote there."""
    pytest.importorskip("tqdm")
    script = tmp_path / "program.py"
    script.write_text(PROGRAM.format(body=body))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "TERM": "xterm"}
    program = subprocess.Popen([sys.executable, str(script)], env=environment, stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 4096):
            written += part
    except OSError:
        pass  # how Linux tells that the other side has closed a terminal
    finally:
        os.close(ours)
    output, _ = program.communicate(timeout=30)
    text = written.decode()
    assert program.returncode == 0, text
    assert output == b""
    return text


def last_state(text: str) -> str:
    """Give the last state of the bar, which stays on the screen."""
    assert text.endswith("\n"), "the bar was closed"
    return text.rstrip().rpartition("\r")[2]


@pytest.mark.parametrize("mode", MODES)
def test_a_bar_ends_at_the_exact_count_and_shows_the_failures(tmp_path: Path, mode: str) -> None:
    text = shown(
        tmp_path, f'concur.run_parallel(third_fails, range(100), mode={mode!r}, on_error="collect", progress="thirds")'
    )
    state = last_state(text)
    assert state.startswith("thirds: 100%")
    assert " 100/100 " in state
    assert "failed=33" in state
    counts = [int(count) for count in re.findall(r"(\d+)/100", text)]
    assert counts == sorted(counts)


def test_a_bar_without_a_total_counts(tmp_path: Path) -> None:
    state = last_state(shown(tmp_path, 'concur.run_parallel(abs, iter(range(7)), mode="thread", progress=True)'))
    assert state.startswith("7item ")


def test_a_bar_shows_attempts_beyond_the_first(tmp_path: Path) -> None:
    options = 'mode="serial", retry=1, on_error="collect", progress=True'
    state = last_state(shown(tmp_path, f"concur.run_parallel(third_fails, range(9), {options})"))
    assert "9/9" in state
    assert "failed=3, retried=3" in state


def test_a_bar_of_a_stream_that_is_left_stops_where_it_was(tmp_path: Path) -> None:
    body = """with concur.iter_parallel(abs, range(100), mode="serial", chunksize=1, progress=True) as results:
        next(results), next(results)"""
    state = last_state(shown(tmp_path, body))
    done = int(re.search(r"(\d+)/100", state)[1])  # type: ignore[index]  # it is there
    assert 2 <= done < 100


def test_a_bar_does_not_write_over_an_error(tmp_path: Path) -> None:
    body = """try:
        concur.run_parallel(third_fails, range(9), mode="thread", workers=1, progress=True)
    except ValueError as exc:
        import sys; print("caught", exc, file=sys.stderr)"""
    lines = shown(tmp_path, body).splitlines()
    assert lines[-1] == "caught 2"
    assert "failed=1" in lines[-2]


@pytest.mark.parametrize("progress", [True, "label", Bar("label")], ids=str)
def test_without_a_terminal_a_bar_is_silent(progress: Any, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    assert concur.run_parallel(abs, range(9), mode="thread", progress=progress) == list(range(9))
    assert capfd.readouterr() == ("", "")


def test_without_a_terminal_a_bar_is_drawn_if_asked(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    concur.run_parallel(abs, range(9), mode="thread", progress=Bar("nine", always=True))
    out, err = capfd.readouterr()
    assert out == ""
    assert last_state(err).startswith("nine: 100%")
    assert " 9/9 " in err


def test_a_bar_leaves_no_thread_and_does_not_touch_the_bars_of_others() -> None:
    tqdm = pytest.importorskip("tqdm").tqdm
    interval, before = tqdm.monitor_interval, threading.enumerate()
    concur.run_parallel(abs, range(9), mode="serial", progress=Bar(always=True))
    assert tqdm.monitor_interval == interval
    assert threading.enumerate() == before


def test_a_closed_standard_error_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("tqdm")
    closed = (tmp_path / "log").open("w")
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert concur.run_parallel(abs, range(9), mode="thread", progress=Bar(always=True)) == list(range(9))


@pytest.mark.parametrize("progress", [True, Bar(always=True)], ids=str)
def test_no_standard_error_at_all_changes_nothing(progress: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", None)
    assert concur.run_parallel(abs, range(9), mode="thread", progress=progress) == list(range(9))
