"""Every Python block of the README and the docs runs, and prints what the page says."""

import shutil
from pathlib import Path

import pytest
from doc_examples import ROOT, Ended, Example, complaint, examples, examples_of, run


@pytest.mark.parametrize("example", examples(), ids=str)
def test_an_example_does_what_its_page_says(example: Example, tmp_path: Path) -> None:
    if example.needs is not None and shutil.which(example.needs) is None:
        pytest.skip(f"{example.needs} is not installed")
    problem = complaint(example, run(example.code, tmp_path))
    assert problem is None, f"{example}: {problem}"


def test_the_readme_has_examples() -> None:
    assert len(examples_of(ROOT / "README.md")) >= 3


def page_with(tmp_path: Path, text: str) -> list[Example]:
    page = tmp_path / "page.md"
    page.write_text(text)
    return [
        Example(page="page.md", line=found.line, code=found.code, output=found.output, raises=found.raises)
        for found in examples_of_any(page)
    ]


def examples_of_any(page: Path) -> list[Example]:
    import doc_examples

    root, doc_examples.ROOT = doc_examples.ROOT, page.parent
    try:
        return examples_of(page)
    finally:
        doc_examples.ROOT = root


def test_a_text_block_right_after_is_the_output(tmp_path: Path) -> None:
    (found,) = page_with(tmp_path, "```python\nprint(1)\n```\n\n```text\n1\n```\n")
    assert (found.code, found.output, found.line) == ("print(1)\n", "1\n", 2)


def test_a_text_block_after_a_sentence_is_not_the_output(tmp_path: Path) -> None:
    (found,) = page_with(tmp_path, "```python\nprint(1)\n```\nFor example:\n```text\n2\n```\n")
    assert found.output is None


def test_a_mark_names_the_exception(tmp_path: Path) -> None:
    (found,) = page_with(tmp_path, "<!-- raises: ValueError -->\n```python\nint('x')\n```\n")
    assert found.raises == "ValueError"


@pytest.mark.parametrize(
    ("ended", "output", "raises"),
    [
        (Ended(exitcode=1, stdout="", stderr="ValueError: x"), None, None),
        (Ended(exitcode=0, stdout="", stderr="a warning"), None, None),
        (Ended(exitcode=0, stdout="1\n", stderr=""), "2\n", None),
        (Ended(exitcode=0, stdout="", stderr=""), None, "ValueError"),
        (Ended(exitcode=1, stdout="", stderr="KeyError: 1\n"), None, "ValueError"),
        (Ended(exitcode=1, stdout="", stderr="ValueError: other\n"), "ValueError: this\n", "ValueError"),
    ],
)
def test_what_is_not_as_the_page_says_is_found(ended: Ended, output: str | None, raises: str | None) -> None:
    assert complaint(Example(page="p", line=1, code="", output=output, raises=raises), ended) is not None


def test_the_end_of_a_traceback_is_compared() -> None:
    ended = Ended(exitcode=1, stdout="before\n", stderr="Traceback:\n  x\nconcur.Closed: the pool\n\nput\n")
    example = Example(page="p", line=1, code="", output="before\nconcur.Closed: the ...\n\nput\n", raises="Closed")
    assert complaint(example, ended) is None
