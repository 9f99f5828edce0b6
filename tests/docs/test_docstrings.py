"""The examples in the docstrings run."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import concur

ELSEWHERE = ("concur.cli", "concur.testing")  # may need extras; their own tests run them


def modules() -> list[str]:
    found = [module.name for module in pkgutil.walk_packages(concur.__path__, "concur.")]
    return ["concur", *(name for name in found if not name.startswith(ELSEWHERE) and not name.endswith("__main__"))]


@pytest.mark.parametrize("name", modules())
def test_the_examples_of_a_module_run(name: str) -> None:
    if name.endswith("trio"):
        pytest.importorskip("trio")
    result = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS | doctest.FAIL_FAST)
    assert result.failed == 0


def test_every_verb_has_an_example() -> None:
    finder = doctest.DocTestFinder(recurse=False)
    for verb in (concur.run_parallel, concur.iter_parallel, concur.arun_parallel, concur.aiter_parallel, concur.pool):
        assert any(test.examples for test in finder.find(verb, verb.__name__)), verb.__name__
