"""The names and tables of the docs are those of the code."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from doc_examples import ROOT

import concur
from concur.backends._registry import _OWN as OWN
from concur.backends._registry import backend_of

API = ROOT / "docs" / "api.md"


def table_after(page: Path, mark: str) -> list[str]:
    """Give the first cells of the table that follows the comment `<!-- mark -->`."""
    text = page.read_text(encoding="utf-8").partition(f"<!-- {mark} -->")[2].lstrip()
    rows = text.partition("\n\n")[0].splitlines()[2:]
    return [row.strip("|").split("|")[0].strip().strip("`") for row in rows]


def test_the_reference_lists_every_public_name_once() -> None:
    listed = re.findall(r"^::: concur\.(\w+)$", API.read_text(encoding="utf-8"), re.MULTILINE)
    aliases = re.findall(r"^### `(\w+)`$", API.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed + aliases) == sorted(concur.__all__)


@pytest.mark.parametrize("page", ["README.md", "docs/semantics.md"])
def test_the_table_of_options_is_complete(page: str) -> None:
    assert table_after(ROOT / page, "options") == [option.name for option in fields(concur.Options)]


def test_the_page_of_errors_names_every_error() -> None:
    errors = [
        name
        for name in concur.__all__
        if isinstance(getattr(concur, name), type) and issubclass(getattr(concur, name), BaseException)
    ]
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert [name for name in errors if f"\n## `{name}`\n" not in text and f"\n### `{name}`\n" not in text] == []


def test_the_table_of_timeouts_is_that_of_the_traits() -> None:
    text = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8").partition("<!-- timeouts -->")[2]
    table = text.lstrip().partition("\n\n")[0]
    for mode in OWN:
        word = backend_of(mode).traits.on_timeout
        assert re.search(rf"^\| `\"{mode}\"` \| {word} \|", table, re.MULTILINE), (mode, word)
