"""Process mode when nothing goes wrong: names, output, context, and one process per worker."""

from __future__ import annotations

import os

import pytest

import bodies
import concur
from programs import run_program


def test_workers_are_named_in_python_and_in_the_system() -> None:
    with concur.pool(mode="process", workers=1) as pool:
        assert pool.run_parallel(bodies.worker_name, [1]) == ["concur-process-0"]
        assert pool.run_parallel(bodies.comm, [1]) == ["concur-proces-0"]  # Linux keeps 15 bytes


def test_no_more_processes_start_than_items() -> None:
    assert len(set(concur.run_parallel(bodies.pid, range(2), mode="process", workers=8, chunksize=1))) <= 2
    assert os.getpid() not in concur.run_parallel(bodies.pid, range(2), mode="process", workers=2)


def test_what_workers_print_is_theirs() -> None:
    ended = run_program("""
        import os, sys, concur
        def body(x):
            print("to stdout", x)
            print("to stderr", x, file=sys.stderr)
            sys.stdout.flush()
            os.write(1, b"raw\\n")
            return x
        if __name__ == "__main__":
            assert concur.run_parallel(body, range(3), mode="process", workers=1) == [0, 1, 2]
    """)
    assert ended.returncode == 0
    assert sorted(ended.stdout.split("\n")) == sorted(["to stdout 0", "to stdout 1", "to stdout 2", *["raw"] * 3, ""])
    assert sorted(ended.stderr.split("\n")) == sorted(["to stderr 0", "to stderr 1", "to stderr 2", ""])


def test_context_is_carried_by_name_only() -> None:
    token = bodies.variable.set("mine")
    try:
        assert concur.run_parallel(bodies.see_both, [1], mode="process", workers=1) == [("unset", "unset")]
        assert concur.run_parallel(
            bodies.see_both, [1], mode="process", workers=1, context=("bodies.variable", "bodies.other")
        ) == [("mine", "unset")]
    finally:
        bodies.variable.reset(token)
    with pytest.raises(concur.InvalidOption, match="no such variable"):
        concur.run_parallel(bodies.see_both, [1], mode="process", context=("bodies.missing",))


def test_a_variable_that_does_not_pickle_is_refused_before_any_item() -> None:
    token = bodies.weird.set(bodies.Unpicklable())
    try:
        with pytest.raises(concur.NotTransferable, match=r"bodies\.weird"):
            concur.run_parallel(bodies.see_both, [1], mode="process", context=("bodies.weird",))
    finally:
        bodies.weird.reset(token)
