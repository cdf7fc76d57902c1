"""Refuses files, functions, parameter lists and ports that have grown too big, and import cycles."""

import argparse
import ast
import sys
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGES = ("bots", "brain", "config", "integrations", "workers")
FOLDERS = (*PACKAGES, "benchmarks", "demo", "tests", "tools")
# A migration is a frozen list of statements: its length says nothing about the design.
FROZEN = Path("brain/adapters/postgres/migrations/versions")

FILE_LINES = 400
TEST_FILE_LINES = 600
FUNCTION_LINES = 60
PARAMETERS = 6
PORT_MEMBERS = 8

FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def offenders(root: Path) -> list[str]:
    """What is too big under `root`, one line each: where, how big, and the limit."""
    sources = {
        path.relative_to(root): path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*.py"))
    }
    trees = {path: ast.parse(source, filename=str(path)) for path, source in sources.items()}
    found: list[str] = []
    for path, source in sources.items():
        if not path.is_relative_to(FROZEN):
            found += too_long_file(path, lines=len(source.splitlines()))
            found += too_big_definitions(path, tree=trees[path])
    return found + cycles(
        {module_name(path): tree for path, tree in trees.items() if path.parts[0] in PACKAGES}
    )


def too_long_file(path: Path, *, lines: int) -> Iterator[str]:
    limit = TEST_FILE_LINES if path.parts[0] == "tests" else FILE_LINES
    if lines > limit:
        yield f"{path}: {lines} lines, at most {limit}"


def too_big_definitions(path: Path, *, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, FUNCTION):
            where = f"{path}:{node.lineno}: {node.name}"
            if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES:
                yield f"{where} has {lines} lines, at most {FUNCTION_LINES}"
            if (count := parameters(node.args)) > PARAMETERS:
                yield f"{where} has {count} parameters, at most {PARAMETERS}"
        elif isinstance(node, ast.ClassDef) and is_port(node) and (count := members(node)) > PORT_MEMBERS:
            yield f"{path}:{node.lineno}: port {node.name} has {count} members, at most {PORT_MEMBERS}"


def parameters(arguments: ast.arguments) -> int:
    positional = [*arguments.posonlyargs, *arguments.args]
    bound = bool(positional) and positional[0].arg in ("self", "cls")
    variable = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return len(positional) + len(arguments.kwonlyargs) + len(variable) - bound


def is_port(node: ast.ClassDef) -> bool:
    bases = (base.value if isinstance(base, ast.Subscript) else base for base in node.bases)
    return any(ast.unparse(base).split(".")[-1] == "Protocol" for base in bases)


def members(port: ast.ClassDef) -> int:
    names = {item.name for item in port.body if isinstance(item, FUNCTION)}
    fields = {ast.unparse(item.target) for item in port.body if isinstance(item, ast.AnnAssign)}
    return len(names | fields)


def cycles(trees: dict[str, ast.Module]) -> list[str]:
    """The first import cycle, imports inside functions and for types included."""
    graph = {module: set(imports(module, tree=tree, known=trees.keys())) for module, tree in trees.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # The sorter lists each module before the one that imports it.
        return ["import cycle: " + " → ".join(reversed(error.args[1]))]
    return []


def imports(module: str, *, tree: ast.Module, known: Collection[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                inside = f"{node.module}.{name.name}"
                target = inside if inside in known else node.module
                if target in known and target != module:
                    yield target


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=Path(), help="the repository (default: here)")
    found = offenders(parser.parse_args().root)
    for line in found:
        print(line)
    print(f"sizes: {len(found)} too big" if found else "sizes: all within the limits")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
