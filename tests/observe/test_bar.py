"""The progress bar, drawn for real."""

import pytest

import concur


def test_a_bar_is_drawn_with_its_label_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    bar = concur.Bar("three", always=True)
    assert concur.run_parallel(str, range(3), mode="serial", progress=bar) == ["0", "1", "2"]
    written = capsys.readouterr().err
    assert "three: 100%" in written
    assert "3/3" in written
