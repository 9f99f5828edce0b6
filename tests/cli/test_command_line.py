"""The command line itself: names, exit codes, and what the import of `concur` leaves out."""

from __future__ import annotations

import subprocess
import sys

import pytest

from concur.cli import main
from concur.cli.demo import runner


def code_of(*words: str) -> int | str | None:
    """The exit code of a command line that argparse ends."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    return ended.value.code


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "demo" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["demos"], "concur: there is no command 'demos': did you mean 'demo'? (there is demo)"),
        (["demo", "--modes", "serial,threads"], "there is no mode 'threads': did you mean 'thread'?"),
        (["demo", "--only", "prase"], "there is no workload 'prase': did you mean 'parse'?"),
        (["demo", "--only", ""], "there is no workload ''"),
        (["demo", "--workers", "0"], "'0' is not a whole number of 1 or more"),
        (["demo", "--rounds", "two"], "'two' is not a whole number of 1 or more"),
        (["demo", "--scale", "nan"], "'nan' is not a number above 0"),
        (["demo", "--scale", "-1"], "'-1' is not a number above 0"),
        (["demo", "--colour"], "unrecognized arguments: --colour"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_a_wrong_command_line_gets_one_sentence_and_exit_code_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(*words) == 2
    written = capsys.readouterr()
    assert sentence in written.err
    assert written.err.count("\n") == 1
    assert written.out == ""


def test_a_wrong_setting_of_the_environment_gets_one_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONCUR_WORKERS", "many")
    assert main(["demo", "--scale", "0.01"]) == 2
    written = capsys.readouterr().err
    assert written.startswith("concur: CONCUR_WORKERS='many'")
    assert written.count("\n") == 1


def test_help_of_a_command_names_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("demo", "--help") == 0
    assert "--scale" in capsys.readouterr().out


def test_ctrl_c_ends_with_130_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "measure_all", interrupted)
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "concur: interrupted\n"


def test_a_reader_that_goes_away_is_not_an_error_to_print() -> None:
    command = [
        sys.executable,
        "-m",
        "concur",
        "demo",
        "--only",
        "hash",
        "--modes",
        "serial",
        "--scale",
        "0.01",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # long before the table is printed
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_importing_concur_imports_no_command() -> None:
    program = "import concur, sys; assert not any(name.startswith('concur.cli') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
