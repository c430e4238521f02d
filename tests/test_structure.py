"""The house: which file may import which, what stays free of TensorFlow, sizes and names of files."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "detect"
FILES = sorted(PACKAGE.rglob("*.py"))
TOOLS = sorted((ROOT / "tools").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# Top to bottom. A file imports from its own room and from those above it.
ROOMS = (
    ("errors", "structures", "config"),
    ("ops",),
    ("data",),
    ("layers",),
    ("models",),
    ("weights",),
    ("inference",),
    ("evaluation",),
    ("training",),
    ("export",),
    ("cli",),
)
LEVELS = {name: level for level, names in enumerate(ROOMS) for name in names}
MOST_LINES = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "base", "tools"}

# Reading data, and everything around a prediction, starts in a fraction of a second: it must not wait for TensorFlow.
WITH_TENSORFLOW = {"pipeline"}
WITHOUT_TENSORFLOW = [path for path in FILES if path.parent.name == "data" and path.stem not in WITH_TENSORFLOW] + [
    path for path in FILES if path.parent.name == "inference" and path.stem in {"sources", "video", "result", "drawing"}
]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(nodes) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that `nodes` import: `a.b` for `import a.b`, `a.b.c` for `from a.b import c`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported_at_start(path: Path) -> Iterator[str]:
    """What importing the file imports: nothing within functions or under `if TYPE_CHECKING`."""
    pending: list[ast.AST] = list(parse(path).body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (name for _, name in imported([node]))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            pending.extend(node.orelse)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(node))


def first_path_to(wanted: set[str], start: Path) -> list[str]:
    """The chain of imports from `start` to a package in `wanted`; empty where there is none."""
    known = {module_of(path): path for path in FILES}
    pending, seen = [(start, [name_of(start)])], {start}
    while pending:
        path, chain = pending.pop()
        for name in imported_at_start(path):
            if name.split(".")[0] in wanted:
                return [*chain, name]
            # Importing a.b.c runs a/__init__ and a/b/__init__ too.
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                target = known.get(".".join(parts[:length]))
                if target and target not in seen:
                    seen.add(target)
                    pending.append((target, [*chain, name_of(target)]))
    return []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_imports_only_from_its_own_room_and_those_above(path):
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    if room in {"__init__", "__main__"}:
        return
    assert room in LEVELS, f"{name_of(path)}: {room!r} is not a room of the house; add it to ROOMS where it belongs"
    for line, name in imported(ast.walk(parse(path))):
        package, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if package == "detect" and other in LEVELS:
            assert LEVELS[other] <= LEVELS[room], f"{name_of(path)}:{line} imports {name}, from a room below {room!r}"


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name == "data"], ids=name_of)
def test_data_knows_no_tensors_but_in_the_pipeline(path):
    for line, name in imported(ast.walk(parse(path))):
        assert not name.startswith("detect.ops"), f"{name_of(path)}:{line} imports {name}"


@pytest.mark.parametrize("path", WITHOUT_TENSORFLOW, ids=name_of)
def test_tensorflow_is_not_needed_to_import(path):
    chain = first_path_to({"tensorflow", "keras"}, path)
    assert not chain, " -> ".join(chain)


def test_the_command_line_does_not_import_tensorflow_to_show_its_help():
    chain = first_path_to({"tensorflow", "keras", "albumentations", "matplotlib"}, PACKAGE / "cli" / "main.py")
    assert not chain, " -> ".join(chain)


@pytest.mark.parametrize("path", FILES + TOOLS + TESTS, ids=name_of)
def test_imports_are_absolute(path):
    for node in ast.walk(parse(path)):
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{name_of(path)}:{node.lineno}: relative import"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_stay_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{name_of(path)} has {lines} lines: split it"


@pytest.mark.parametrize("path", FILES + TOOLS, ids=name_of)
def test_names_say_what_is_inside(path):
    for part in path.relative_to(ROOT).with_suffix("").parts[1:]:
        assert part not in FORBIDDEN_NAMES, f"{name_of(path)}: {part!r} says nothing about what is inside"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_file_says_what_it_is_for(path):
    assert ast.get_docstring(parse(path)), f"{name_of(path)} has no docstring"


@pytest.mark.parametrize("folder", ["datasets", "tools", "tests"])
def test_folders_beside_the_package_are_not_packages(folder):
    """Installed or on the path, they would collide with other people's packages of these names."""
    assert not list((ROOT / folder).rglob("__init__.py"))


def test_file_names_of_tests_are_unique():
    """Without __init__.py, pytest imports test files by their bare names."""
    names = [path.name for path in TESTS]
    assert sorted(names) == sorted(set(names))


def test_all_tests_are_in_the_order_of_pyproject(pytestconfig):
    listed = [ROOT / entry for entry in pytestconfig.getini("testpaths")]
    for path in TESTS:
        if path.name.startswith("test_"):
            assert any(path == entry or entry in path.parents for entry in listed), f"{name_of(path)}: add to testpaths"
    for entry in listed:
        assert entry.exists(), f"testpaths in pyproject.toml names {entry}, which does not exist"
