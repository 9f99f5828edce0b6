"""The pure parts of bench: order, medians, ratios, verdicts, the table, the JSON. No timing is asserted."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from bench.contest import Result
from bench.harness import Failure, Measured, Reading, Standing, high, low, median, play, ratio, rotated
from bench.report import report
from bench.table import aligned, shown, table
from bench.wanted import Below, Faster, Verdict, Wanted, Within, judged
from bench.workloads import WORKLOADS


def standing(name: str, *values: float) -> Standing:
    readings = tuple(Reading(value=value, seconds=value) for value in values)
    return Standing(name=name, status="ok", readings=readings)


def failed(name: str) -> Standing:
    return Standing(name=name, status="failed", reason="round 1: ValueError: no")


class Runs:
    """Gives the scripted runs of each contender in turn, and keeps the order of the calls."""

    def __init__(self, **scripts: list[Measured]) -> None:
        self.scripts = {name: iter(script) for name, script in scripts.items()}
        self.calls: list[str] = []

    def __call__(self, name: str) -> Measured:
        self.calls.append(name)
        return next(self.scripts[name])


def took(*seconds: float) -> list[Measured]:
    return [Reading(value=each, seconds=each) for each in seconds]


def test_each_round_starts_one_name_later() -> None:
    assert [rotated("ABC", turn) for turn in range(4)] == [
        tuple("ABC"),
        tuple("BCA"),
        tuple("CAB"),
        tuple("ABC"),
    ]
    assert rotated((), 3) == ()


def test_every_contender_runs_once_per_round_after_one_warm_up() -> None:
    run = Runs(a=took(9, 1, 2), b=took(9, 3, 4))
    played = play(["a", "b"], rounds=2, run=run)
    assert "".join(run.calls) == "ab" + "ab" + "ba"
    assert played == {"a": standing("a", 1, 2), "b": standing("b", 3, 4)}


def test_without_a_warm_up_the_first_run_counts() -> None:
    assert play(["a"], rounds=2, run=Runs(a=took(1, 2)), warm_up=False) == {"a": standing("a", 1, 2)}


def test_a_contender_that_fails_says_when_and_is_not_run_again() -> None:
    run = Runs(a=took(9, 1, 2, 3), b=[*took(9, 1), Failure("it broke")])
    played = play(["a", "b"], rounds=3, run=run)
    assert run.calls.count("b") == 3
    assert (played["b"].status, played["b"].reason) == ("failed", "round 2: it broke")
    assert played["a"] == standing("a", 1, 2, 3)


def test_a_failure_in_the_warm_up_counts() -> None:
    played = play(["a"], rounds=3, run=Runs(a=[Failure("no")]))
    assert (played["a"].status, played["a"].reason) == ("failed", "warm-up: no")


def test_median_and_spread_are_over_all_rounds() -> None:
    it = standing("a", 5, 1, 2)
    assert (low(it), median(it), high(it)) == (1, 2, 5)


def test_a_contender_that_failed_has_no_median_even_after_good_rounds() -> None:
    it = Standing(name="a", status="failed", readings=(Reading(value=1, seconds=1),))
    assert (low(it), median(it), high(it)) == (None, None, None)


def test_the_ratio_is_the_median_of_the_rounds_and_not_the_ratio_of_the_medians() -> None:
    ours, theirs = standing("ours", 1, 2, 10), standing("theirs", 3, 20, 20)
    assert ratio(theirs, ours) == 3  # of 3, 10, 2; the medians are 20 and 2


def test_a_ratio_to_nothing_is_none() -> None:
    assert ratio(standing("theirs", 1, 2), standing("ours", 0, 0)) is None
    assert ratio(standing("theirs", 1, 2), failed("ours")) is None


def test_one_round_of_ours_at_or_below_zero_leaves_no_ratio() -> None:
    assert ratio(standing("theirs", 1, 2, 3), standing("ours", 1, -1, 1)) is None


def test_a_cost_within_the_noise_is_not_given_as_a_factor() -> None:
    standings = {"ours": standing("ours", -0.1), "peer": standing("peer", 30)}
    verdict = judged(Within(times=1.5, of="peer"), "ours", standings)
    assert (verdict.reached, verdict.measured) == (True, "too small to tell from nothing")


@pytest.mark.parametrize(
    ("wanted", "reached", "measured"),
    [
        (Faster(than="peer", times=4), True, "4.00x"),
        (Faster(than="peer", times=4.1), False, "4.00x"),
        (Within(times=0.25, of="peer"), True, "0.25x"),
        (Within(times=0.2, of="peer"), False, "0.25x"),
        (Below(limit=20, unit="MB"), True, "2.00 MB"),
        (Below(limit=2, unit="MB"), False, "2.00 MB"),
    ],
)
def test_a_verdict_compares_in_the_direction_that_its_words_say(wanted: Wanted, reached: bool, measured: str) -> None:
    standings = {"ours": standing("ours", 2, 2), "peer": standing("peer", 8, 8)}
    assert judged(wanted, "ours", standings) == Verdict(wanted=str(wanted), reached=reached, measured=measured)


def test_without_both_contenders_nothing_is_reached_or_missed() -> None:
    wanted = Faster(than="peer", times=2)
    ours = standing("ours", 1)
    assert judged(wanted, "ours", {"ours": ours}).reached is None
    assert judged(wanted, "ours", {"ours": ours, "peer": failed("peer")}).reached is None
    assert judged(Below(limit=1, unit="MB"), "ours", {"ours": failed("ours")}).reached is None


def test_wanted_figures_read_as_sentences() -> None:
    assert str(Faster(than="peer", times=10)) == "at least 10x faster than peer"
    assert str(Faster(than="peer", times=1)) == "no slower than peer"
    assert str(Within(times=1.5, of="peer")) == "at most 1.5x the time of peer"
    assert str(Below(limit=20, unit="MB")) == "below 20 MB"


def result(n: int | None = None) -> Result:
    workload = WORKLOADS["trivial-serial"]
    standings = (standing("concur-serial", 0.002, 0.002), standing("list-comprehension", 0.001, 0.001))
    verdicts = tuple(
        judged(wanted, workload.ours, {each.name: each for each in standings}) for wanted in workload.wanted
    )
    missing = Standing(name="other", status="not installed", reason="other")
    return Result(
        workload=workload,
        n=workload.n if n is None else n,
        rounds=2,
        standings=(*standings, missing, failed("broken")),
        verdicts=verdicts,
    )


def test_the_table_shows_every_contender_and_a_verdict() -> None:
    lines = table(result()).splitlines()
    assert [line.split() for line in lines[3:5]] == [
        ["concur-serial", "2.0", "ms", "2.0", "ms", "2.0", "ms", "0.02", "1.00"],
        ["list-comprehension", "1.0", "ms", "1.0", "ms", "1.0", "ms", "0.01", "0.50"],
    ]
    assert lines[5].split(maxsplit=1) == ["other", "not installed: other"]
    assert lines[6].split(maxsplit=1) == ["broken", "failed: round 1: ValueError: no"]
    assert lines[7] == "  wanted: at most 2x the time of list-comprehension: REACHED (2.00x)"


def test_the_table_says_when_there_were_too_few_items() -> None:
    assert "smoke test" in table(result(n=10))
    assert "smoke test" not in table(result())


def test_columns_are_aligned_and_free_text_does_not_widen_them() -> None:
    rows = [("name", "a", "bb"), ("long name", "100", "2"), ("x", "a long reason of a failure")]
    assert aligned(rows) == [
        "name         a  bb",
        "long name  100   2",
        "x          a long reason of a failure",
    ]


def test_values_are_shown_with_their_unit() -> None:
    assert shown(None, "s") == "-"
    assert shown(0.0123, "s") == "12.3 ms"
    assert shown(12.3, "s") == "12.30 s"
    assert shown(12.34, "MB") == "12.3 MB"


def test_a_small_ratio_keeps_its_digits() -> None:
    workload = WORKLOADS["trivial-serial"]
    standings = (standing("concur-serial", 1), standing("list-comprehension", 0.0034))
    small = Result(workload=workload, n=workload.n, rounds=1, standings=standings, verdicts=())
    assert table(small).splitlines()[4].split()[-1] == "0.0034"


def test_the_report_is_json_with_readings_ratios_and_verdicts() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    read = json.loads(json.dumps(report([result()], at=at, about={"cpus": 2})))
    assert (read["format"], read["date"], read["machine"]) == (1, "2026-01-02T03:04:05+00:00", {"cpus": 2})
    (workload,) = read["workloads"]
    assert workload["name"] == "trivial-serial"
    assert workload["contenders"][1] == {
        "name": "list-comprehension",
        "status": "ok",
        "reason": "",
        "values": [0.001, 0.001],
        "seconds": [0.001, 0.001],
        "median": 0.001,
        "min": 0.001,
        "max": 0.001,
        "ratio_to_ours": 0.5,
    }
    assert [each["status"] for each in workload["contenders"]] == ["ok", "ok", "not installed", "failed"]
    assert workload["wanted"] == [
        {"wanted": "at most 2x the time of list-comprehension", "reached": True, "measured": "2.00x"}
    ]
