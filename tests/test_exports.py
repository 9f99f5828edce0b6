"""What is public is named once, exists, and is described."""

from __future__ import annotations

import ast
import functools
import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import concur

NEEDS_EXTRAS = ("concur.cli", "concur.testing")
VERBS = ("run_parallel", "iter_parallel", "arun_parallel", "aiter_parallel")


@functools.cache
def public_modules() -> list[str]:
    names = ["concur", *(found.name for found in pkgutil.walk_packages(concur.__path__, "concur."))]
    return [name for name in names if not any(part.startswith("_") for part in name.split("."))]


def load(name: str) -> Any:
    if name.startswith(NEEDS_EXTRAS):
        pytest.importorskip("hypothesis")
        pytest.importorskip("rich")
    return import_module(name)


@pytest.mark.parametrize("name", public_modules())
def test_all_lists_what_exists_once(name: str) -> None:
    module = load(name)
    names = getattr(module, "__all__", [])
    assert len(names) == len(set(names))
    assert [listed for listed in names if not hasattr(module, listed)] == []


# What a public module offers to the library's own files only.
INTERNAL = {
    "concur.errors": {"describe_exit"},
    "concur.observe.progress": {"Show", "check_bar", "show_for"},
    "concur.backends.async_": {"TaskEngine"},
}


@pytest.mark.parametrize("name", [name for name in public_modules() if not name.startswith(NEEDS_EXTRAS)])
def test_all_lists_whatever_others_import(name: str) -> None:
    taken = {
        alias.name
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == name
        for alias in node.names
        if not hasattr(import_module(name), "__path__") or f"{name}.{alias.name}" not in public_modules()
    }
    own = {taken_name for taken_name in taken if not taken_name.startswith("_")} - INTERNAL.get(name, set())
    assert own <= set(getattr(import_module(name), "__all__", ()))


@functools.cache
def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text()) for path in Path(concur.errors.__file__).parent.rglob("*.py")]


def test_the_package_exports_every_error() -> None:
    assert set(concur.errors.__all__) <= set(concur.__all__)


def test_every_public_thing_has_a_docstring_that_is_a_sentence() -> None:
    for name in concur.__all__:
        thing = getattr(concur, name)
        if name == "Outcome":
            continue  # a type alias: its members have theirs
        first = (inspect.getdoc(thing) or "").partition("\n")[0]
        assert first.endswith((".", ":", "`.")), (name, first)
        assert len(first) > 20, name


def test_every_public_method_has_a_docstring() -> None:
    for name in concur.__all__:
        thing = getattr(concur, name)
        if not inspect.isclass(thing):
            continue
        for method_name, method in vars(thing).items():
            if not method_name.startswith("_") and inspect.isfunction(method):
                assert method.__doc__, f"{name}.{method_name}"


@pytest.mark.parametrize("verb", VERBS)
def test_the_docstring_of_a_verb_has_every_section(verb: str) -> None:
    doc = inspect.getdoc(getattr(concur, verb)) or ""
    sections = ["Args:", "Returns:", "Raises:", "Cancellation:", "Examples:"]
    lines = doc.splitlines()
    assert [line for line in lines if line in sections] == sections
    for parameter in ("fn", "items", "on_error", "**options"):
        assert any(line.startswith(f"    {parameter}:") for line in lines), parameter
    assert ">>> " in doc


@pytest.mark.parametrize("verb", VERBS)
def test_a_pool_has_the_verb_and_points_to_it(verb: str) -> None:
    method = getattr(concur.Pool, verb)
    assert f"`concur.{verb}`" in (method.__doc__ or "")
    assert inspect.iscoroutinefunction(method) == inspect.iscoroutinefunction(getattr(concur, verb))


def test_users_see_short_names() -> None:
    assert repr(concur.Ok(index=0, item=1, value=2)).startswith("Ok(index=0")
    with concur.pool(mode="serial") as pool:
        assert repr(pool) == "<concur.Pool mode='serial' workers=None open>"
    assert repr(concur.unpack(pow)).startswith("concur.unpack(")
    assert repr(concur.WorkerLocal(dict)).startswith("concur.WorkerLocal(")


def test_names_that_are_loaded_on_first_use_are_those_that_type_checkers_see() -> None:
    tree = ast.parse(Path(concur.__file__).read_text())
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: str(node.module).removeprefix("concur.")
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    loaded = {name: home for home, names in concur._HOMES.items() for name in names}
    assert loaded == seen
    assert set(loaded) == set(concur.__all__)
