"""Imports point down: what a module may import is decided here, not by taste."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"

# From the bottom up. A module may import what stands lower than its own layer, and, in a layer that is marked as one
# part, its neighbours. A module belongs to the layer with the longest matching name.
LAYERS: list[tuple[str, ...]] = [
    ("concur.errors",),
    ("concur._core",),
    ("concur._cgroups",),
    ("concur._machine",),
    ("concur._workers",),
    ("concur.backends",),  # the contract only, not what is in the package
    ("concur._drive", "concur.observe"),
    (
        "concur.backends._registry",
        "concur.backends.serial",
        "concur.backends.thread",
        "concur.backends.process",
        "concur.backends.async_",
        "concur.backends.sim",
    ),
    ("concur._options", "concur._unpack"),
    ("concur._call",),
    ("concur._stream",),
    ("concur._run",),
    ("concur._pool",),
    ("concur",),
    ("concur.testing", "concur.cli"),
    ("concur.__main__",),
]
EXCEPTIONS = {
    ("concur.backends.process.worker", "concur.backends.async_"): (
        "a worker process runs coroutine functions on the task engine of async mode"
    ),
}
PURE = {"__future__", "collections", "dataclasses", "heapq", "typing"}  # all that the core may use besides itself


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((SOURCE / "concur").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: Path) -> set[str]:
    """List the modules that a file imports anywhere: at its top, in functions, and for type checkers only."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module)
    return found


def layer(module: str) -> tuple[int, str]:
    """Give the rank of a module's layer, and the part of it that the module belongs to."""
    parts = [
        (len(part), rank, part)
        for rank, layer in enumerate(LAYERS)
        for part in layer
        if module == part or (module.startswith(f"{part}.") and part not in ("concur", "concur.backends"))
    ]
    assert parts, f"{module} stands in no layer: say where it belongs"
    _, rank, part = max(parts)
    return rank, part


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    rank, part = layer(module)
    for imported in imports(MODULES[module]):
        if imported.partition(".")[0] != "concur":
            continue
        below, other = layer(imported)
        if (module, other) in EXCEPTIONS:
            continue
        assert below < rank or other == part, f"{module} imports {imported}, which does not stand below it"


def test_every_exception_is_used() -> None:
    for module, other in EXCEPTIONS:
        assert any(layer(imported)[1] == other for imported in imports(MODULES[module]) if imported in MODULES)


def test_every_layer_has_a_module() -> None:
    assert {part for layer in LAYERS for part in layer} == {layer(module)[1] for module in MODULES}


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("concur._core")])
def test_the_core_is_pure(module: str) -> None:
    outside = {name for name in imports(MODULES[module]) if not name.startswith(("concur._core", "concur.errors"))}
    assert {name.partition(".")[0] for name in outside} <= PURE
    calls = {node.func.id for node in ast.walk(ast.parse(MODULES[module].read_text())) if is_named_call(node)}
    assert not calls & {"open", "print", "input", "exec", "eval", "__import__"}


def is_named_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


@pytest.mark.parametrize(
    "module", [module for module in MODULES if not module.startswith(("concur.cli", "concur.testing"))]
)
def test_only_declared_packages_are_imported(module: str) -> None:
    allowed = {"concur", "anyio", "trio", "tqdm", *sys.stdlib_module_names}
    assert {name.partition(".")[0] for name in imports(MODULES[module])} <= allowed


@pytest.mark.parametrize("module", MODULES)
def test_every_file_says_its_job_first(module: str) -> None:
    docstring = ast.get_docstring(ast.parse(MODULES[module].read_text()))
    assert docstring
    assert len(docstring.splitlines()[0]) <= 120
