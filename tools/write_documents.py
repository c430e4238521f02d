"""Write the generated pages of docs/: command line, settings, datasets, export formats, models, public functions.

    python tools/write_documents.py            write them
    python tools/write_documents.py --check    write nothing; exit with 1 if a page is not up to date

`make docs` runs it. A test compares the pages that take little time to make, which leaves out the sizes of the models.
"""

import argparse
import inspect
import math
import sys
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from detect.config import Settings, description

DOCS = Path(__file__).parents[1] / "docs"
NOTICE = "<!-- Written by tools/write_documents.py: change the source, then run `make docs`. -->"
OF_ALL_COMMANDS = (
    "Every command has `--help`, and `--debug`, which shows the traceback of an error and the log of libraries. Exit\n"
    "codes are 0 for success, 1 for a failure of the run, 2 for bad usage or bad input, 130 for Ctrl-C, and 143 for\n"
    "SIGTERM.\n"
    "`detect --install-completion` lets the shell complete commands, options and names of models."
)
CLASSES = 80  # as in COCO, for the sizes of the models


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare the pages instead of writing them")
    check = parser.parse_args().check
    pages = {
        "cli.md": command_line_page,
        "settings.md": settings_page,
        "datasets.md": datasets_page,
        "checks.md": checks_page,
        "formats.md": formats_page,
        "models.md": models_page,
        "reference/index.md": reference_page,
    }
    stale = [name for name, page in pages.items() if not update(DOCS / name, page(), check)]
    if stale:
        print(f"Not up to date: {', '.join(stale)}. Run `make docs`.")
    return int(bool(stale))


def update(path: Path, text: str, check: bool) -> bool:
    """Write `text` to the file, or with `check` return whether it is the file's content."""
    if check:
        return path.is_file() and path.read_text(encoding="utf-8") == text
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# The command line


def command_line_page() -> str:
    """Return the page with every command, its arguments and its options."""
    from typer.main import get_command

    from detect.cli.main import app

    group = get_command(app)
    parts = [NOTICE, "# The command line", group.help or "", OF_ALL_COMMANDS]
    for words, command in commands(group, "detect"):
        parts += [
            f"## {words}",
            inspect.cleandoc(command.help or ""),
            f"```\n{usage(words, command)}\n```",
            command.epilog,
        ]
        rows = [(name_of(parameter), default_of(parameter), parameter.help or "") for parameter in shown(command)]
        if rows:
            parts.append(table(("option", "default", "description"), rows))
    return "\n\n".join(parts) + "\n"


def commands(group: Any, words: str) -> Iterator[tuple[str, Any]]:
    """Yield every command below `group` with its full name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{words} {name}")
        else:
            yield f"{words} {name}", command


def usage(words: str, command: Any) -> str:
    arguments = [name_of(parameter).strip("`") for parameter in shown(command) if is_argument(parameter)]
    return " ".join([words, *arguments, "[OPTIONS]"])


def shown(command: Any) -> list[Any]:
    """Return the parameters that a user can give, arguments first."""
    return sorted((one for one in command.params if one.name != "help"), key=lambda one: not is_argument(one))


def is_argument(parameter: Any) -> bool:
    return parameter.param_type_name == "argument"


def name_of(parameter: Any) -> str:
    if not is_argument(parameter):
        return "`" + "`, `".join([*parameter.opts, *parameter.secondary_opts]) + "`"
    name = parameter.metavar or parameter.name.upper()
    name = name if parameter.required else f"[{name}]"
    return f"`{name}...`" if parameter.nargs == -1 else f"`{name}`"


def default_of(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):  # what None stands for
        return parameter.show_default
    default = parameter.default
    return "" if default in (None, False, ()) else f"`{'yes' if default is True else default}`"


# The settings


SETTINGS_INTRODUCTION = """\
Each setting can be given to `detect train` as `--set NAME=VALUE`, where the value is read as YAML. Settings of the
model itself start with `architecture.`; `detect models NAME` lists them. A mapping, such as
`--set 'architecture={filters: 64}'`, is merged into the values that are there; a list replaces them. A run writes all
of its settings to `config.json`."""


def settings_page() -> str:
    """Return the page with every setting of a training run by its dotted name."""
    from detect.training.settings import TrainingSettings

    parts = [NOTICE, "# Settings of a training run", SETTINGS_INTRODUCTION]
    for prefix, kind in groups(TrainingSettings, ""):
        rows = [
            (
                f"`{prefix}{name}`",
                type_text(field.annotation),
                f"`{field_default(field)}`",
                " ".join(description(kind, name).split()),
            )
            for name, field in kind.model_fields.items()
            if not is_group(field.annotation)
        ]
        parts += [f"## {prefix.rstrip('.') or 'The run'}", inspect.getdoc(kind) or "", table(_COLUMNS, rows)]
    return "\n\n".join(parts) + "\n"


_COLUMNS = ("setting", "type", "default", "description")


def groups(kind: type[Settings], prefix: str) -> Iterator[tuple[str, type[Settings]]]:
    """Yield `kind` and every settings class within it, with the prefix of its dotted names."""
    yield prefix, kind
    for name, field in kind.model_fields.items():
        if is_group(field.annotation):
            yield from groups(typing.cast(type[Settings], field.annotation), f"{prefix}{name}.")


def is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Settings)


def type_text(annotation: Any) -> str:
    parts, origin = typing.get_args(annotation), typing.get_origin(annotation)
    if origin is typing.Literal:
        return ", ".join(str(choice) for choice in parts)
    if origin is typing.Annotated:
        return type_text(parts[0])
    if any(typing.get_origin(part) is typing.Literal for part in parts):
        return " or ".join(map(type_text, parts))
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def field_default(field: Any) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "null" if default is None else str(list(default) if isinstance(default, tuple) else default)


# The dataset formats

DATASETS_INTRODUCTION = """\
What can be given as `--data`. A file is recognised by its suffix and its content, a folder by the files in it. A folder
may also contain one of the files below, and either may be wrapped in up to three more folders, as in archives. Images
with annotations beside them are taken for a dataset only where nothing around them is described by a file.

`detect data check` says what was recognised. [Your own data](guides/data.md) explains what happens to boxes, classes
and images."""


WRITTEN_FORMATS_INTRODUCTION = """\
What `--to` of `detect data convert`, `split`, `merge` and `sample` writes; SPLIT is train, val or test. Images,
classes, boxes and labels are kept in all formats. The second table says what else is; the commands count losses."""


def datasets_page() -> str:
    """Return the page with everything that can be given as a dataset, and what each reader does with it."""
    from detect.data.readers import readers

    rows = []
    for name, reader in readers().items():
        for file in reader.files:
            suffixes = " or ".join(f"`{suffix}`" for suffix in file.suffixes)
            rows.append((file.name, f"a {suffixes} file with {file.content}", f"[{name}](#{name})"))
        rows += [(folder.name, f"a folder with `{folder.files}`", f"[{name}](#{name})") for folder in reader.folders]
    parts = [NOTICE, "# Dataset formats", DATASETS_INTRODUCTION, table(("dataset", "recognised as", "reader"), rows)]
    for name in readers():
        parts += [f"## {name}", module_summary(f"detect.data.readers.{name}")]
    parts += ["## Written formats", WRITTEN_FORMATS_INTRODUCTION, written_formats()]
    return "\n\n".join(parts) + "\n"


def written_formats() -> str:
    """Return a table of what can be given as `--to`, and one of what the formats can hold."""
    from detect.data.writers import writers

    known = [writers()[name] for name in sorted(writers())]
    files = [(f"`{writer.name}`", writer.title, writer.files) for writer in known]
    features = dict.fromkeys(feature for writer in known for feature in writer.lacks)
    held = [
        (feature.name, *("yes" if writer.holds(feature) else "no" for writer in known), feature.without)
        for feature in features
    ]
    header = ("can hold", *(f"`{writer.name}`" for writer in known), "where it cannot")
    return f"{table(('`--to`', 'format', 'files'), files)}\n\n{table(header, held)}"


# The checks of a dataset

CHECKS_INTRODUCTION = """\
What `detect data check` looks for, in the order in which findings of the same severity are shown. The code of a finding
stays the same, so that scripts can look for it. An *error* is what training refuses, and the exit code is 1 then; a
*warning* is what makes the result or its scores worse than they could be; a *note* is worth knowing, and often as it
should be. What is found by looking at pixels, or by comparing files, is left out with `--no-decode`.

`--model` and `--run` add the warning `unmatchable-boxes` and the note `images-needed`, see
[your own data](guides/data.md#which-boxes-a-model-can-match)."""
CHECKS_JSON = """\
With `--json`, standard output is one object:

| key | content |
| --- | --- |
| `source`, `format` | what was given, and its format in words |
| `classes` | `name` and `category_id` of each class, in the order of the labels |
| `splits` | by name: the numbers of `images` and `boxes`, and of `lost_images` and `lost_boxes` |
| `notes` | what was decided when the dataset was read |
| `findings` | the worst first: `code`, `severity`, `split`, `count`, `what`, `advice`, and `examples`, up to 12 |
| `trainable` | whether there is no error among the findings |

An example has `where` in words, the path of an `image` that shows it, or an empty text, and `boxes` in pixels of the
upright image, each as x1, y1, x2, y2. A split of a finding may be several, such as `train, val`."""


def checks_page() -> str:
    """Return the page of all checks of the doctor, and of its JSON."""
    from detect.data.doctor.examination import CHECKS

    rows = [(f"`{check.code}`", check.severity.value, check.finds, check.advice) for check in CHECKS]
    header = ("code", "severity", "finds", "what to do")
    return "\n\n".join([NOTICE, "# Checks of a dataset", CHECKS_INTRODUCTION, table(header, rows), CHECKS_JSON]) + "\n"


# The export formats

FORMATS_INTRODUCTION = """\
An export takes square images of one size, and images of the part of the square that 16:9 video covers, or with
`--dynamic` other common shapes of videos: anchors and points are constants of an image size. Where the number of images
per call is fixed, it is 1 unless `--batch` gives another. All formats can leave out suppression, with `--raw`.
[exports.md](exports.md) has the AP that models lose in each format."""


def formats_page() -> str:
    """Return the page of export formats."""
    from detect import formats

    header = ("`--format`", "runs on", "`--precision`", "images per call", "needs", "also to export", "also for int8")
    parts = [NOTICE, "# Export formats", FORMATS_INTRODUCTION, table(header, [format_row(n) for n in formats.names()])]
    for name in formats.names():
        parts += [f"## {name}", module_summary(f"detect.formats.{name}")]
    return "\n\n".join(parts) + "\n"


def format_row(name: str) -> list[str]:
    from detect import formats

    format = formats.find(name)
    packages = (format.runs_with, format.writes_with, format.int8_with)
    return [
        f"`{name}`",
        format.summary,
        ", ".join(format.precisions),
        format.batch,
        *(", ".join(f"`{package}`" for package in part) for part in packages),
    ]


# The models


MODELS_INTRODUCTION = f"""\
COCO AP is the value that the authors published, in per cent, on the 2017 validation images: what the model reaches
when it is trained as they did. Parameters are trainable parameters, with {CLASSES} classes."""
CHECKPOINTS_INTRODUCTION = """\
Wherever a command expects a trained model, it also takes the name of a checkpoint, and so does `--weights` of
`detect train`. The file is downloaded, verified and imported the first time. `detect weights list` shows which
checkpoints are on your machine."""


def models_page() -> str:
    """Return the page of models. Creates each of them to count its weights."""
    parts = [NOTICE, "# Models", MODELS_INTRODUCTION]
    for stem, names in by_module().items():
        header = ("model", "million parameters", "image size", "published COCO AP")
        summary = module_summary(f"detect.models.{stem}")
        parts += [f"## {stem}", summary, table(header, [model_row(name) for name in names])]
    parts += ["## Published weights", CHECKPOINTS_INTRODUCTION, checkpoints_table()]
    return "\n\n".join(parts) + "\n"


def by_module() -> dict[str, list[str]]:
    from detect.models import names

    grouped: dict[str, list[str]] = {}
    for name in names():
        grouped.setdefault(name.partition("-")[0], []).append(name)
    return grouped


def module_summary(name: str) -> str:
    """Return the docstring of a module: for a model, its paper, its authors' code, and the differences from them."""
    import importlib

    return inspect.getdoc(importlib.import_module(name)) or ""


def model_row(name: str) -> list[str]:
    import keras

    from detect.models import create, variant

    row = variant(name)
    parameters = sum(math.prod(weight.shape) for weight in create(name, CLASSES).trainable_weights)
    keras.backend.clear_session()
    published = "" if row.published_ap is None else f"{row.published_ap:.1f}"
    return [f"`{name}`", f"{parameters / 1e6:.1f}", str(row.image_size), published]


def checkpoints_table() -> str:
    """Return the table of checkpoints that can be imported, each with the address of its file."""
    from detect.weights.importing import checkpoints

    header = ("name and file", "model", "COCO AP", "image size", "licence", "published by")
    rows = [
        (
            f"[{row.name}]({row.address})",
            f"`{row.model}`",
            f"{row.published_ap:.1f}",
            str(row.image_size),
            row.licence,
            row.publisher,
        )
        for row in checkpoints().values()
    ]
    return table(header, rows)


# The functions of the package

REFERENCE_INTRODUCTION = """\
The functions of the package `detect`. Each is imported when it is first used, so `import detect` itself is instant. The
pages that follow describe all public classes and functions, module by module, in the order in which data flows through
them: a module imports only from those before it.

Shapes are written with the letters that [`detect.structures`](structures.md) defines, such as `[B, N, 4]` for the boxes
of a batch. A box is always `x1, y1, x2, y2` in pixels, a label is an integer from 0 on, and -1 is padding."""


def reference_page() -> str:
    """Return the first page of the API reference: the public functions, with links to their descriptions."""
    import importlib

    import detect

    rows = []
    for name, module in detect._PUBLIC.items():
        summary, _, _ = (inspect.getdoc(getattr(importlib.import_module(module), name)) or "").partition("\n\n")
        rows.append((f"[`detect.{name}`][{module}.{name}]", " ".join(summary.split())))
    return "\n\n".join([NOTICE, "# Python API", REFERENCE_INTRODUCTION, table(("function", "purpose"), rows)]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
