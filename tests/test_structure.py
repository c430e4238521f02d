"""The house: which file may import which, what stays free of TensorFlow, sizes and names of files."""

import ast
import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from run_tests import PARTS

from detect import formats

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "detect"
FILES = sorted(PACKAGE.rglob("*.py"))
TOOLS = sorted((ROOT / "tools").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# Top to bottom. A file imports from its own room and from those above it.
ROOMS = (
    ("errors", "structures", "config", "machine", "unwritable", "files", "new_folder", "terminal"),
    ("ops",),
    ("data",),
    ("layers",),
    ("models",),
    ("weights",),
    ("artefacts",),
    ("formats",),
    ("tracking",),
    ("inference",),
    ("serving",),
    ("evaluation",),
    ("reports",),
    ("training",),
    ("advice",),
    ("export",),
    ("cli", "__main__"),
)
# The same inside the rooms that have rooms of their own.
SUBROOMS = {
    "data": (
        (
            *("tolerance", "texts", "image_names", "regular_files", "crc32c", "protobuf", "tf_example"),
            *("looked_for", "stated_truth", "records"),
            "problems",
        ),
        ("pixels",),
        ("entry_cache", "near_duplicates", "survey"),
        ("dataset",),
        ("joining", "merging"),
        ("readers",),
        ("writers",),
        ("sequences", "curation"),
        ("samples",),
        ("batches",),
        ("pipeline", "doctor", "shapes"),
    ),
    "inference": (
        ("limits", "options", "track_options", "class_choice"),
        ("sources",),
        ("drawing", "image_files", "result"),
        ("backends",),
        ("views", "seams"),
        ("background", "result_stream", "track_stream", "predictor"),
        ("exports", "loading", "sample_images"),
        ("window", "writers"),
        ("dataset_ids",),
        ("prediction_run", "labelling"),
        ("track_drawing", "track_run"),
    ),
    "training": (
        ("settings", "model_choice"),
        ("run_folder",),
        ("several_runs",),
        ("compared_runs",),
        ("workers",),
        ("reporting",),
        ("teachers",),
        ("start",),
        ("updates", "quantised"),
        ("validation",),
        ("callbacks", "loop", "assembly", "training_run", "plain_train"),
        ("several_trained",),
    ),
}
MOST_LINES = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "base"}
ROLES = {"reader", "writer", "network", "int8"}  # what files in the folder of an export format may be called, in each

# Values of modules that can change, and calls whose results cannot.
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp)
CONSTANT_CALLS = {"TypeVar", "float", "math.log"}

# Reading data, and everything around a prediction, starts in a fraction of a second: it must not wait for TensorFlow.
DATA = [path for path in FILES if PACKAGE / "data" in path.parents and path.stem != "pipeline"]
AROUND_PREDICTION = [
    PACKAGE / "inference" / f"{name}.py"
    for name in ("sources/finding", "writers/video_encoder", "result", "drawing", "exports")
] + [PACKAGE / "export" / "golden_check.py"]
READERS = [
    path
    for path in sorted((PACKAGE / "formats").glob("*/reader.py"))
    if "tensorflow" not in formats.find(path.parent.name).runs_with
]
SCORING = [PACKAGE / "evaluation" / "results_file.py"]
# What finds the mistakes in a command.
BEFORE_TENSORFLOW = [
    PACKAGE / name
    for name in (
        *("training/start/early_checks.py", "training/run_folder.py", "training/several_runs.py", "models/places.py"),
        "advice/request.py",
    )
]
# What else than detect/files.py may write, and why.
WRITES = {
    ("cli/library_log.py", "open"): "standard error",
    ("data/shapes.py", "open"): "FFmpeg opens the draft",
    ("formats/litert/writer.py", "tempfile"): "the converter reads a folder",
    ("formats/onnx/int8.py", "tempfile"): "the quantiser reads and writes files",
    ("inference/writers/output_folder.py", "open"): "a list that grows by lines, and is complete where a run is killed",
    ("inference/writers/video_encoder.py", "open"): "FFmpeg opens the draft",
    ("new_folder.py", "open"): "the folder is a draft",
    ("reports/model_report.py", "write_bytes"): "the folder is a draft",
    ("training/reporting/journal.py", "open"): "a log that grows by lines, over several runs",
    ("weights/download.py", "open"): "a lock, and a download that a later run continues",
    ("weights/download.py", "replace"): "the same",
    ("weights/google_efficientdet.py", "tempfile"): "TensorFlow reads checkpoints from files only",
    ("weights/google_efficientdet.py", "write_bytes"): "the same",
}
SLOW_FOR_HELP = ("tensorflow", "keras", "albumentations", "matplotlib", "cv2")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that `nodes` import: `a.b` for `import a.b`, `a.b.c` for `from a.b import c`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


@functools.cache
def imported_at_start(path: Path) -> list[str]:
    """What importing the file imports: nothing within functions or under `if TYPE_CHECKING`."""
    return list(imported_when_run(path, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


def imported_when_run(path: Path, *left_out: type[ast.AST]) -> Iterator[str]:
    """What running the file imports, by full name: nothing within nodes that are left out or under `TYPE_CHECKING`."""
    pending: list[ast.AST] = list(parse(path).body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (name for _, name in imported([node]))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            pending.extend(node.orelse)
        elif not isinstance(node, left_out):
            pending.extend(ast.iter_child_nodes(node))


def chain_to(wanted: Iterable[str], start: Path) -> list[str]:
    """The chain of imports that leads from `start` to a package in `wanted`; empty where there is none."""
    pending, seen = [(start, [name_of(start)])], {start}
    while pending:
        path, chain = pending.pop()
        for name in imported_at_start(path):
            parts = name.split(".")
            if parts[0] in wanted:
                return [*chain, name]
            # Importing a.b.c runs a/__init__.py and a/b/__init__.py too.
            targets = {MODULES.get(".".join(parts[:length])) for length in range(1, len(parts) + 1)}
            for target in targets - seen - {None}:
                seen.add(target)
                pending.append((target, [*chain, name_of(target)]))
    return []


def imports_from_below(path: Path, house: Path, rooms: Sequence[Sequence[str]]) -> Iterator[str]:
    """What a file imports from rooms of `house` that come after its own."""
    levels = {name: level for level, names in enumerate(rooms) for name in names}
    room = room_of(path, house)
    for line, name in imported(ast.walk(parse(path))):
        other = MODULES.get(module_named(name))
        if other and house in other.parents and levels.get(room_of(other, house), 0) > levels[room]:
            yield f"{name_of(path)}:{line} imports {name}, from a room below {room!r}"


def room_of(path: Path, house: Path) -> str:
    return path.relative_to(house).with_suffix("").parts[0]


def module_named(name: str) -> str:
    """The module of the package that an imported name is of, or is: `detect.a.b` for `detect.a.b.function`."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name


def writing_calls(path: Path) -> Iterator[str]:
    """Names of the functions that a file calls to write others, and `tempfile` where it imports that."""
    if "tempfile" in {name for _, name in imported(ast.walk(parse(path)))}:
        yield "tempfile"
    yield from (called(node) for node in ast.walk(parse(path)) if isinstance(node, ast.Call) and writes(node))


def called(call: ast.Call) -> str:
    """The last part of the name of what is called: `open` for `path.open(...)`."""
    return ast.unparse(call.func).rpartition(".")[2]


def writes(call: ast.Call) -> bool:
    name, is_method = called(call), isinstance(call.func, ast.Attribute)
    if name == "open":
        return has_mode_for_writing(call)
    if name == "replace":  # of a path or of `os`: that of texts has two arguments, that of dataclasses named ones
        return is_method and (ast.unparse(call.func) == "os.replace" or (len(call.args) == 1 and not call.keywords))
    return is_method and name in {"imwrite", "move", "rename", "write_bytes", "write_text"}


def has_mode_for_writing(call: ast.Call) -> bool:
    """Whether a call of `open` has a mode such as "w" or "ab" among its arguments, in an expression too."""
    values = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    constants = [node.value for value in values for node in ast.walk(value) if isinstance(node, ast.Constant)]
    return any(isinstance(text, str) and set(text) & set("wax+") and set(text) <= set("rwaxbt+") for text in constants)


@pytest.mark.parametrize(("room", "rooms"), [("", ROOMS), *SUBROOMS.items()])
def test_files_import_only_from_their_own_room_and_those_above(room, rooms):
    house = PACKAGE / room
    files = [path for path in FILES if house in path.parents and path != house / "__init__.py"]
    unknown = {room_of(path, house) for path in files} - {name for names in rooms for name in names}
    assert not unknown, "new here: add it to ROOMS or SUBROOMS where it belongs"
    found = [fault for path in files for fault in imports_from_below(path, house, rooms)]
    assert not found, "\n".join(found)


def test_no_file_imports_itself_by_way_of_others():
    """Not even within functions: such files are one, and can be understood and tested only together."""
    graph = {
        name: {module_named(other) for other in imported_when_run(path)} - {name, ""} for name, path in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_what_readers_share_knows_no_format():
    """The files in the rooms of `data/readers` import nothing from the files beside these rooms but the contract."""
    house = PACKAGE / "data" / "readers"
    found = [
        f"{name_of(path)}:{line} imports {name}"
        for path in sorted(house.glob("*/*.py"))
        for line, name in imported(ast.walk(parse(path)))
        for other in [MODULES.get(module_named(name), PACKAGE)]
        if other.parent == house and other.stem not in {"__init__", "reader"}
    ]
    assert not found, "\n".join(found)


def test_data_imports_no_ops():
    found = [
        f"{name_of(path)}:{line} imports {name}"
        for path in FILES
        if PACKAGE / "data" in path.parents
        for line, name in imported(ast.walk(parse(path)))
        if name.startswith("detect.ops")
    ]
    assert not found, "\n".join(found)


def state_of(module: ast.Module) -> Iterator[ast.stmt]:
    """What a module could remember from one call to the next, but for caches: variables, and values that can change."""
    for node in ast.walk(module):
        if isinstance(node, ast.Global) or any(name.startswith("contextvars") for _, name in imported([node])):
            yield node
    for node in module.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" not in ast.unparse(node):
            parts = list(ast.walk(node.value)) if node.value else []
            calls = {ast.unparse(part.func) for part in parts if isinstance(part, ast.Call)}
            if any(isinstance(part, MUTABLE) for part in parts) or calls - CONSTANT_CALLS:
                yield node


def test_ops_hold_no_state():
    """What an operation does is decided by its arguments, and not by what was called before or around it."""
    ops = [path for path in FILES if PACKAGE / "ops" in path.parents]
    assert not [f"{name_of(path)}:{node.lineno}" for path in ops for node in state_of(parse(path))]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("LIMIT = 3 * float('inf')\nSIDES = (1, 2)\n__all__ = ['LIMIT']\ndef f():\n    found = []", []),
        ("from contextvars import ContextVar\nimport contextvars\nmode = ContextVar('mode')", [1, 2, 3]),
        ("seen = []\nby_name: dict = {}\nsizes = tf.Variable(1)\nsquares = [x * x for x in (1, 2)]", [1, 2, 3, 4]),
        ("count = 0\ndef f():\n    global count\n    count += 1", [3]),
    ],
)
def test_state_is_found_out(source, lines):
    assert sorted(node.lineno for node in state_of(ast.parse(source))) == lines


@pytest.mark.parametrize("path", [*DATA, *AROUND_PREDICTION, *READERS, *SCORING, *BEFORE_TENSORFLOW], ids=name_of)
def test_tensorflow_is_not_needed_to_import(path):
    assert not chain_to(("tensorflow", "keras"), path)


def test_the_command_line_imports_nothing_slow_to_show_its_help():
    assert not chain_to(SLOW_FOR_HELP, PACKAGE / "cli" / "main.py")


def test_what_only_tracking_needs_is_imported_when_it_is_used():
    """It takes a second, and need not be installed."""
    assert not [name_of(path) for path in FILES if chain_to(("supervision", "trackers"), path)]


def test_files_are_written_in_one_way():
    """Whole or not at all, through links, never over devices: see `detect.files`."""
    others = [path for path in FILES if path != PACKAGE / "files.py"]
    found = {(path.relative_to(PACKAGE).as_posix(), name) for path in others for name in writing_calls(path)}
    assert not found - set(WRITES), "write with detect.files, or add them to WRITES with a reason"
    assert not set(WRITES) - found, "no longer needed in WRITES"


def test_imports_are_absolute():
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in FILES + TOOLS + TESTS
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not found, "\n".join(found)


def test_files_are_short():
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {name: count for name, count in lines.items() if count > MOST_LINES}, "split them"


def test_names_of_modules_say_what_is_inside():
    parts = {name_of(path): set(path.relative_to(ROOT).with_suffix("").parts) for path in FILES + TOOLS}
    assert not [name for name, words in parts.items() if words & FORBIDDEN_NAMES]


def test_files_that_do_different_things_have_different_names():
    names = Counter(path.stem for path in FILES if path.stem != "__init__" and not plays_a_role(path))
    assert not [name for name, count in names.items() if count > 1]


def plays_a_role(path: Path) -> bool:
    """Whether it is of one export format, and there are others of this name that do the same for other formats."""
    return path.stem in ROLES and path.parents[1] == PACKAGE / "formats"


def test_every_file_says_what_it_is_for():
    assert not [name_of(path) for path in FILES + TOOLS if not ast.get_docstring(parse(path))]


def test_arguments_of_docstrings_are_those_of_the_function():
    """One entry per argument, as the API reference shows them."""
    found = [
        f"{name_of(path)}:{node.lineno} describes {name!r}, which is not an argument"
        for path in FILES
        for node in ast.walk(parse(path))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        for name in described_arguments(ast.get_docstring(node) or "")
        if name not in arguments_of(node)
    ]
    assert not found, "\n".join(found)


def described_arguments(docstring: str) -> list[str]:
    """The names in the section Args of a docstring."""
    _, _, section = f"\n{docstring}".partition("\nArgs:\n")
    return re.findall(r"^    \*{0,2}(\S.*?):", re.split(r"\n(?=\S)", section)[0], re.MULTILINE)


def arguments_of(node: ast.FunctionDef | ast.ClassDef) -> set[str]:
    """The arguments of a function, or of the `__init__` and the fields of a class."""
    if isinstance(node, ast.FunctionDef):
        named = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
        return {argument.arg for argument in named if argument}
    inits = [inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"]
    fields = {ast.unparse(inner.target) for inner in node.body if isinstance(inner, ast.AnnAssign)}
    return fields.union(*map(arguments_of, inits))


@pytest.mark.parametrize("folder", ["datasets", "tools", "tests"])
def test_folders_beside_the_package_are_not_packages(folder):
    """Installed or on the path, they would collide with other people's packages of these names."""
    assert not list((ROOT / folder).rglob("__init__.py"))


def test_file_names_of_tests_are_unique():
    """Without __init__.py, pytest imports test files by their bare names."""
    names = [path.name for path in TESTS if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def test_all_tests_are_in_the_order_of_pyproject(pytestconfig):
    listed = [ROOT / entry for entry in pytestconfig.getini("testpaths")]
    assert not [name_of(path) for path in listed if not path.exists()], "testpaths names what does not exist"
    # Those of `make parity` have an environment of their own.
    tests = [path for path in TESTS if path.name.startswith("test_") and path.parent.name != "parity"]
    left_out = [name_of(path) for path in tests if not any(path == entry or entry in path.parents for entry in listed)]
    assert not left_out, "add these to testpaths in pyproject.toml"
    parts = {path for patterns in PARTS for pattern in patterns for path in ROOT.glob(pattern)}
    left_out = [name_of(path) for path in listed if path not in parts]
    assert not left_out, "add these to PARTS in tools/run_tests.py"
