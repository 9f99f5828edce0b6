"""`concur demo`: its sentences, table and JSON from made-up figures, its server, and one real tiny run."""

from __future__ import annotations

import ast
import http.client
import json
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import pytest

from concur.cli.demo import runner, workloads
from concur.cli.demo.report import Machine, Report, WorkloadReport, as_json
from concur.cli.demo.server import page_body, serve_pages
from concur.cli.demo.table import plain
from concur.cli.demo.verdict import Evidence, Verdict, judge
from concur.cli.demo.workloads import FORMS, Form, Page

MODES = ("serial", "thread", "process", "async")
MACHINE = Machine(system="Linux", architecture="x86_64", implementation="CPython", python="3.11.7", cpus=2, gil=True)


def verdict_on(
    *,
    cpu_share: float,
    expected: Sequence[str],
    gil: bool = True,
    cpus: int = 2,
    **seconds: tuple[float, float],
) -> Verdict:
    """Judge seconds given for each mode as `(def, async def)`; `async_` stands for async."""
    times = {
        (mode.rstrip("_"), form): taken
        for mode, both in seconds.items()
        for form, taken in zip(FORMS, both, strict=True)
    }
    return judge(Evidence(seconds=times, cpu_share=cpu_share, expected=expected, workers=8, cpus=cpus, gil=gil))


# The sentence


def test_processes_win_where_threads_took_turns() -> None:
    verdict = verdict_on(
        cpu_share=1.0,
        expected=["process"],
        serial=(2.0, 2.1),
        thread=(2.1, 2.2),
        process=(1.2, 1.25),
        async_=(2.1, 2.0),
    )
    assert (verdict.mode, verdict.form, verdict.tied, verdict.as_expected) == ("process", "def", (), True)
    assert verdict.reason == (
        "processes win - the work holds the GIL, so threads take turns (1.0x) and processes do not (1.7x)"
    )


def test_a_tie_is_called_a_tie_and_told_from_the_expected_mode() -> None:
    verdict = verdict_on(
        cpu_share=1.0,
        expected=["thread"],
        serial=(2.0, 2.0),
        thread=(1.05, 1.1),
        process=(1.5, 1.5),
        async_=(1.0, 2.0),
    )
    assert (verdict.mode, verdict.tied, verdict.as_expected) == ("async", ("thread",), True)
    assert verdict.reason == (
        "threads and async tie - the work releases the GIL, so threads run at the same time (1.9x) "
        "and no process has to start"
    )


def test_async_wins_where_the_work_waits() -> None:
    verdict = verdict_on(
        cpu_share=0.04,
        expected=["async", "thread"],
        serial=(2.0, 2.0),
        thread=(0.5, 0.5),
        process=(0.6, 0.6),
        async_=(0.4, 0.3),
    )
    assert verdict.reason == (
        "async wins - the work waits (4% of its time is CPU), and one event loop waits for 8 items at once"
    )


def test_an_expected_mode_that_lost_is_admitted() -> None:
    verdict = verdict_on(cpu_share=1.0, expected=["process"], serial=(2.0, 2.0), thread=(1.2, 1.2), process=(2.5, 2.5))
    assert verdict.as_expected is False
    assert verdict.reason.startswith("threads win - the work releases the GIL")
    assert verdict.reason.endswith("(the textbook says processes; here processes reached 0.8x)")


def test_nothing_is_claimed_of_a_mode_that_did_not_run() -> None:
    verdict = verdict_on(cpu_share=1.0, expected=["process"], serial=(2.0, 2.0), thread=(1.2, 1.2))
    assert verdict.as_expected is None
    assert "process" not in verdict.reason.replace("no process has to start", "")


@pytest.mark.parametrize(
    ("seconds", "cpus", "sentence"),
    [
        ({"serial": (1.0, 1.0)}, 2, "only the plain loop was run"),
        (
            {"serial": (1.0, 1.0), "thread": (2.0, 2.0)},
            2,
            "nothing beat the plain loop - the work is too small",
        ),
        (
            {"serial": (1.0, 1.0), "thread": (0.98, 2.0)},
            2,
            "the plain loop ties with threads - the work is too small",
        ),
        (
            {"serial": (1.0, 1.0), "thread": (2.0, 2.0)},
            1,
            "nothing beat the plain loop - there is one usable",
        ),
    ],
)
def test_a_plain_loop_in_front_is_said_so(seconds: dict[str, tuple[float, float]], cpus: int, sentence: str) -> None:
    verdict = verdict_on(cpu_share=1.0, expected=[], gil=True, cpus=cpus, **seconds)
    assert verdict.reason.startswith(sentence)


@pytest.mark.parametrize(
    ("cpu_share", "gil", "seconds", "why"),
    [
        (
            1.0,
            False,
            {"thread": (1.0, 1.0)},
            "this Python has no GIL, so threads run at the same time (2.0x)",
        ),
        (1.0, True, {"thread": (1.7, 1.7)}, "threads win - by a little only (1.2x)"),
        (1.0, True, {"async_": (1.0, 2.0)}, "in async mode too a plain function runs in threads"),
        (
            1.0,
            True,
            {"process": (1.0, 1.0)},
            "the work computes, and processes use several CPUs at once (2.0x)",
        ),
        (1.0, True, {"process": (1.0, 1.0), "thread": (1.3, 1.3)}, "2.0x against 1.5x with threads"),
        (0.1, True, {"process": (1.0, 1.0)}, "8 workers in processes wait at the same time"),
        (0.1, True, {"thread": (1.0, 1.0)}, "8 threads wait at the same time"),
        (0.1, True, {"async_": (1.0, 1.1)}, "8 threads wait at the same time"),
    ],
)
def test_the_reason_follows_from_the_figures(
    cpu_share: float, gil: bool, seconds: dict[str, tuple[float, float]], why: str
) -> None:
    verdict = verdict_on(cpu_share=cpu_share, expected=[], gil=gil, serial=(2.0, 2.0), **seconds)
    assert why in verdict.reason


# Measuring


@dataclass
class FakeWorkload:
    """Gives prepared results by mode; a mode without any raises."""

    results: dict[str, list[int]]
    name: str = "fake"
    does: str = "nothing at all"
    size: int = 2
    expected: tuple[str, ...] = ("thread",)
    workers: int = 2
    calls: list[tuple[str, str, int]] = field(default_factory=list)

    def run(self, form: Form, *, mode: str, workers: int, progress: str | None = None) -> Sequence[object]:
        assert progress is None
        self.calls.append((mode, form, workers))
        return self.results[mode]

    def warm_up(self, *, mode: str) -> None:
        self.calls.append((mode, "warm up", 1))


def measured(results: dict[str, list[int]], *, modes: Sequence[str] = MODES, rounds: int = 1) -> WorkloadReport:
    return runner.measure(FakeWorkload(results), modes=modes, workers=2, rounds=rounds, machine=MACHINE)


def report_of(*reports: WorkloadReport) -> Report:
    return Report(machine=MACHINE, scale=1.0, rounds=1, elapsed=3.2, workloads=reports)


def test_serial_runs_first_even_when_it_was_not_asked_for() -> None:
    workload = FakeWorkload({"serial": [1], "process": [1]})
    runner.measure(workload, modes=["process"], workers=2, rounds=2, machine=MACHINE)
    once = [
        ("serial", "def", 1),
        ("serial", "async def", 1),
        ("process", "def", 2),
        ("process", "async def", 2),
    ]
    assert workload.calls == [("serial", "warm up", 1), *once, *once]


def test_equal_results_in_all_modes_are_equal() -> None:
    report = measured({mode: [1, 2] for mode in MODES}, rounds=3)
    assert report.equal
    assert all(len(each.seconds) == 3 for each in report.measured)


def test_a_different_result_is_shown_loudly_and_cannot_win() -> None:
    report = measured({"serial": [1, 2], "thread": [1, 3]}, modes=("serial", "thread"))
    assert not report.equal
    assert report.verdict is not None
    assert report.verdict.mode == "serial"
    text = plain(report_of(report))
    assert "DIFFERENT" in text
    assert "NOT EQUAL: fake in thread mode, def: item 1 gave 3 where the plain loop gives 2" in text


def test_a_missing_result_is_a_difference() -> None:
    assert runner.difference([1, 2], [1]) == "1 results where the plain loop gives 2"


def test_a_mode_that_raises_is_reported_and_the_others_still_run() -> None:
    report = measured({"serial": [1], "process": [1]}, modes=("serial", "thread", "process"))
    assert [each.trouble for each in report.measured] == [None, None, *["KeyError: 'thread'"] * 2, None, None]
    assert "FAILED: fake in thread mode, def: KeyError: 'thread'" in plain(report_of(report))


def test_a_plain_loop_that_raises_leaves_no_verdict() -> None:
    report = measured({"thread": [1]}, modes=("serial", "thread"))
    assert report.verdict is None
    assert "fake: the plain loop itself failed." in plain(report_of(report))
    json.dumps(as_json(report_of(report)))


# Printing


def test_the_table_is_aligned_and_marks_one_winner() -> None:
    lines = plain(report_of(measured({mode: [1] for mode in MODES}))).splitlines()
    assert lines[0] == "concur demo: CPython 3.11.7, Linux x86_64, 2 usable CPUs"
    table = [line for line in lines if line.endswith(("results", "equal"))]
    assert len(table) == 1 + len(MODES)
    assert {line.replace("results", "equal").rindex("equal") for line in table} == {table[0].rindex("results")}
    assert sum(line.count("*") for line in table) == 1
    assert lines[-1] == "All modes gave equal results. 3 seconds in all."


@pytest.mark.parametrize(("load", "said"), [(None, False), (0.9, False), (1.1, True)])
def test_a_busy_machine_is_said_to_be_busy(load: float | None, said: bool) -> None:
    report = report_of(measured({"serial": [1]}, modes=["serial"]))
    text = plain(replace(report, machine=replace(MACHINE, load=load)))
    assert ("a load of 1.1 before the start" in text) is said


def test_the_json_holds_everything() -> None:
    found = json.loads(json.dumps(as_json(report_of(measured({mode: [1] for mode in MODES})))))
    assert found["machine"] == {"system": "Linux", "architecture": "x86_64", "cpus": 2, "load_before": None}
    assert found["python"] == {"implementation": "CPython", "version": "3.11.7", "gil": True}
    assert found["equal"] is True
    (workload,) = found["workloads"]
    assert {"name", "items", "cpu_share", "winner", "tied", "as_expected", "reason"} <= workload.keys()
    assert [(run["mode"], run["function"]) for run in workload["runs"]] == [
        (mode, form) for mode in MODES for form in FORMS
    ]
    assert workload["runs"][0]["speed_up"] == 1.0


# The server and the workloads


def test_the_server_stops_and_leaves_no_thread_behind_a_client_that_never_asked() -> None:
    before = set(threading.enumerate())
    with serve_pages() as port, socket.create_connection(("127.0.0.1", port)):
        assert {thread.name for thread in set(threading.enumerate()) - before} == {"concur-demo-server"}
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()


def test_the_server_stops_when_its_block_fails() -> None:
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError), serve_pages():
        raise ZeroDivisionError
    assert set(threading.enumerate()) == before


def test_both_forms_fetch_the_same_and_heed_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with serve_pages() as port:
        fetched = workloads.fetch_page(Page(port, 7))
        assert anyio.run(workloads.fetch_page_async, Page(port, 7)) == fetched
    assert (fetched.status, fetched.length) == (200, len(page_body(7)))


@pytest.mark.parametrize("path", ["/", "/page/", "/page/one", "/other/1"])
def test_the_server_knows_only_its_pages(path: str) -> None:
    with serve_pages() as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path)
        assert connection.getresponse().status == 404
        connection.close()


@pytest.mark.parametrize(
    "workload",
    [
        workloads.parse_workload(scale=0.01, cpus=2),
        workloads.hash_workload(scale=0.01, cpus=2),
        workloads.fetch_workload(scale=0.01, cpus=2, port=1),
    ],
    ids=lambda workload: str(workload.name),
)
def test_what_goes_to_a_process_pickles_small(workload: workloads.Workload[object, object]) -> None:
    assert workload.size >= 2
    for part in (workload.plain, workload.coroutine, *workload.items):
        assert len(pickle.dumps(part)) < 500


def test_parsing_counts_nodes_and_survives_a_broken_file(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text("x = 1\n")
    bad.write_text("x = = 1\n")
    assert workloads.count_nodes(str(good)) == {
        "Module": 1,
        "Assign": 1,
        "Name": 1,
        "Store": 1,
        "Constant": 1,
    }
    assert workloads.count_nodes(str(bad)) == {"SyntaxError": 1}


def test_parsing_outlasts_the_race_of_older_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    stumbles = iter([True, True, False])
    parse = ast.parse

    def stumbling(source: bytes) -> ast.Module:
        if next(stumbles):
            raise SystemError("AST constructor recursion depth mismatch")
        return parse(source)

    monkeypatch.setattr(ast, "parse", stumbling)
    assert workloads.count_nodes(workloads.__file__)["Module"] == 1


def test_the_parsed_files_are_the_librarys_own_and_as_many_as_asked_for() -> None:
    items = workloads.parse_workload(scale=4.0, cpus=2).items
    assert len(items) == 4 * workloads.PARSED_FILES
    assert not any(part in Path(item).parts for item in items for part in ("test", "tests", "site-packages"))


def test_a_machine_without_library_sources_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from concur.cli import main

    monkeypatch.setattr(workloads.sysconfig, "get_path", lambda name: str(tmp_path))
    assert main(["demo", "--only", "parse", "--scale", "0.01"]) == 1
    assert "leave out 'parse'" in capsys.readouterr().err


# The real thing


def test_a_tiny_run_of_every_workload_in_every_mode_gives_equal_results() -> None:
    command = [sys.executable, "-m", "concur", "demo", "--json", "--scale", "0.02"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = json.loads(ended.stdout)
    assert found["equal"] is True
    assert [workload["name"] for workload in found["workloads"]] == ["parse", "hash", "fetch"]
    for workload in found["workloads"]:
        assert [run["mode"] for run in workload["runs"]] == [mode for mode in MODES for _ in FORMS]
        assert all(run["seconds"] > 0 for run in workload["runs"])
