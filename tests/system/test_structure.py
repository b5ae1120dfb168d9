"""The arrows between packages: who may import whom, and that no two packages import each other."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from riffbot.locations import ROOT

TOPS = ("audio", "riffbot", "cogs", "training")

MAY = {
    "audio": set[str](),
    "riffbot": {"audio"},
    "cogs": {"audio", "riffbot"},
    "training": {"audio", "riffbot"},
}

LEAVES = {
    "errors", "text_files", "naming", "wording", "terminal", "interrupts", "file_threads", "caches",
    "logs", "tempo", "style_tempos", "regions", "riffusion_masks", "prompt", "request", "settings",
    "locations", "images", "rendering", "clock", "generation_options", "validation", "health",
    "metrics", "discord_requests", "request_id",
}  # fmt: skip
"""Modules at the top of riffbot/ that import only each other, `audio` and the leaf packages."""

LEAF_PACKAGES = {"harmony", "rules"}
"""Packages of riffbot/ that import only themselves and leaves, and that leaves may import."""

ENTRIES = {
    "__init__", "__main__", "bot", "cli", "local", "local_pictures", "process", "services",
    "startup",
}  # fmt: skip
"""Modules at the top of riffbot/ that put the packages together and start them."""

ORDER = ("inference", "composition", "library", "clips", "jam", "voice", "web", "commands")
"""Packages of riffbot/, each of which may import those before it."""

LAYERS = ("models", "pipeline", "engine")
"""Packages of riffbot/inference/, each of which may import those before it."""

BENCHMARKS_OF = {("riffbot.commands.info", "riffbot.bench")}
"""`riffbot bench` is a command; nothing else imports the benchmarks but themselves and training."""


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    found = {}
    for top in TOPS:
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """The modules of ours that a module imports, in functions too; types alone do not count."""
    todo: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: imports are absolute here"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in MODULES:
                    yield inner
                elif node.module in MODULES:
                    yield node.module
        todo.extend(ast.iter_child_nodes(node))


IMPORTS = {name: set(imported(path)) - {name} for name, path in MODULES.items()}


def package(module: str) -> str:
    """The package that a module is in: `riffbot.jam` for `riffbot.jam.session`; training is one."""
    parts = module.split(".")
    if parts[0] == "training":
        return "training"
    if MODULES[module].name == "__init__.py":
        return ".".join(parts[:2])
    return ".".join(parts[: min(2, len(parts) - 1)])


def test_the_arrows_point_one_way() -> None:
    wrong = set()
    for module, others in IMPORTS.items():
        top = module.split(".")[0]
        allowed = MAY[top] | {top}
        wrong |= {(module, other) for other in others if other.split(".")[0] not in allowed}
    assert not wrong


def is_leaf(module: str) -> bool:
    """Whether a module is a leaf, or in a package of leaves."""
    name = module.removeprefix("riffbot.")
    return name in LEAVES or name.split(".")[0] in LEAF_PACKAGES


def test_what_lies_at_the_top_is_a_leaf_or_an_entry() -> None:
    top = {path.stem for path in (ROOT / "riffbot").glob("*.py")}
    assert top <= LEAVES | ENTRIES
    above = {
        (leaf, other)
        for leaf in MODULES
        if leaf.startswith("riffbot.") and is_leaf(leaf)
        for other in IMPORTS[leaf]
        if other.startswith("riffbot") and not is_leaf(other)
    }
    assert not above, "a leaf imports only leaves and audio"


def test_packages_import_only_those_below_them() -> None:
    wrong = set()
    for module, others in IMPORTS.items():
        room = package(module).removeprefix("riffbot.")
        if room not in ORDER:
            continue
        allowed = {f"riffbot.{name}" for name in ORDER[: ORDER.index(room) + 1]}
        if room in {"web", "commands"}:
            allowed |= {"riffbot.voice"}
        for other in others:
            if other.startswith("riffbot.") and len(other.split(".")) > 1:
                where = package(other)
                is_services = other == "riffbot.services" and room in {"web", "commands"}
                if not (where in allowed or is_leaf(other) or is_services or room == "commands"):
                    wrong.add((module, other))
    assert not wrong


def test_inference_has_layers() -> None:
    wrong = {
        (module, other)
        for index, layer in enumerate(LAYERS)
        for module in MODULES
        if module.startswith(f"riffbot.inference.{layer}.")
        for other in IMPORTS[module]
        if other.startswith(tuple(f"riffbot.inference.{above}" for above in LAYERS[index + 1 :]))
    }
    assert not wrong


def test_benchmarks_and_training_are_imported_by_nobody() -> None:
    wrong = {
        (module, other)
        for module, others in IMPORTS.items()
        for other in others
        if other.startswith(("riffbot.bench", "training"))
        and not module.startswith(("riffbot.bench", "training"))
        and (module, ".".join(other.split(".")[:2])) not in BENCHMARKS_OF
    }
    assert not wrong


def test_no_cycle_between_packages() -> None:
    below: dict[str, set[str]] = defaultdict(set)
    for module, others in IMPORTS.items():
        for other in others:
            if package(module) != package(other) and "riffbot" not in (
                package(module),
                package(other),
            ):
                below[package(module)].add(package(other))
    assert not list(cycles(below))


def test_no_cycle_between_modules() -> None:
    assert not list(cycles(IMPORTS))


def cycles(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Each path that ends where it began, found by walking the graph in depth."""
    done: set[str] = set()

    def walk(node: str, path: list[str]) -> Iterator[list[str]]:
        if node in path:
            yield [*path[path.index(node) :], node]
            return
        if node in done:
            return
        for other in sorted(graph.get(node, ())):
            yield from walk(other, [*path, node])
        done.add(node)

    for start in sorted(graph):
        yield from walk(start, [])
