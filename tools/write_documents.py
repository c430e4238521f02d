"""Write the generated pages of docs/: the command line, the settings, the models.

    python tools/write_documents.py            write them
    python tools/write_documents.py --check    exit with 1 where one is not what would be written

`make docs` runs it. A test compares the pages that are quick to make; the sizes of the models are not among these.
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
EXIT_CODES = (
    "Exit codes: 0 success, 1 a failure of the run, 2 bad usage or bad input, 130 interrupted.\n"
    "Every command takes `--help`, and `--debug` for the traceback of an error."
)
CLASSES = 80  # those of COCO, for the sizes of the models


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    pages = {"cli.md": command_line_page, "settings.md": settings_page, "models.md": models_page}
    stale = [name for name, page in pages.items() if not update(DOCS / name, page(), check)]
    if stale:
        print(f"Not current: {', '.join(stale)}. Run `make docs`.")
    return int(bool(stale))


def update(path: Path, text: str, check: bool) -> bool:
    """Whether the file holds `text`; unless only checking, afterwards it does."""
    if check:
        return path.is_file() and path.read_text(encoding="utf-8") == text
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# The command line


def command_line_page() -> str:
    """Every command with its arguments and options."""
    from typer.main import get_command

    from detect.cli.main import app

    group = get_command(app)
    parts = [NOTICE, "# The command line", group.help or "", EXIT_CODES]
    for words, command in commands(group, "detect"):
        parts += [f"## {words}", inspect.cleandoc(command.help or ""), f"```\n{usage(words, command)}\n```"]
        rows = [(name_of(parameter), default_of(parameter), parameter.help or "") for parameter in shown(command)]
        if rows:
            parts.append(table(("", "default", ""), rows))
    return "\n\n".join(parts) + "\n"


def commands(group: Any, words: str) -> Iterator[tuple[str, Any]]:
    """The full words of every command below `group`, and the command."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{words} {name}")
        else:
            yield f"{words} {name}", command


def usage(words: str, command: Any) -> str:
    arguments = [name_of(parameter).strip("`") for parameter in shown(command) if is_argument(parameter)]
    return " ".join([words, *arguments, "[OPTIONS]"])


def shown(command: Any) -> list[Any]:
    """The parameters that the user meets, arguments first."""
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
    default = parameter.default
    return "" if default in (None, False, ()) else f"`{'yes' if default is True else default}`"


# The settings


def settings_page() -> str:
    """Every setting of a training run by its dotted name."""
    from detect.training.settings import TrainingSettings

    parts = [
        NOTICE,
        "# Settings of a training run",
        "Each can be given as `--set name=value`; values are read as YAML. `config.json` of a run folder holds all.\n"
        "A model's own settings go under `architecture.`; `detect models NAME` lists them.",
    ]
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


_COLUMNS = ("name", "type", "default", "description")


def groups(kind: type[Settings], prefix: str) -> Iterator[tuple[str, type[Settings]]]:
    """`kind` and every settings class within it, with the start of its dotted names."""
    yield prefix, kind
    for name, field in kind.model_fields.items():
        if is_group(field.annotation):
            yield from groups(typing.cast(type[Settings], field.annotation), f"{prefix}{name}.")


def is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Settings)


def type_text(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(str(choice) for choice in typing.get_args(annotation))
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def field_default(field: Any) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "null" if default is None else str(list(default) if isinstance(default, tuple) else default)


# The models


def models_page() -> str:
    """The table of models; makes each of them to count its weights."""
    parts = [
        NOTICE,
        "# Models",
        "COCO AP is the authors', in per cent, on the 2017 validation images: what a model of this structure reaches\n"
        f"when it is trained as they did. Parameters are the trainable ones, with {CLASSES} classes.",
    ]
    for stem, names in by_module().items():
        header = ("model", "million parameters", "image size", "COCO AP of the authors")
        parts += [f"## {stem}", module_summary(stem), table(header, [model_row(name) for name in names])]
    parts += ["## Published weights", checkpoints_summary(), checkpoints_table()]
    return "\n\n".join(parts) + "\n"


def by_module() -> dict[str, list[str]]:
    from detect.models import names

    grouped: dict[str, list[str]] = {}
    for name in names():
        grouped.setdefault(name.partition("-")[0], []).append(name)
    return grouped


def module_summary(stem: str) -> str:
    """The docstring of a model's file: what it is, its paper, its authors' code, what differs."""
    import importlib

    return inspect.getdoc(importlib.import_module(f"detect.models.{stem}")) or ""


def model_row(name: str) -> list[str]:
    import keras

    from detect.models import create, variant

    row = variant(name)
    parameters = sum(math.prod(weight.shape) for weight in create(name, CLASSES).trainable_weights)
    keras.backend.clear_session()
    published = "" if row.published_ap is None else f"{row.published_ap:.1f}"
    return [f"`{name}`", f"{parameters / 1e6:.1f}", str(row.image_size), published]


def checkpoints_summary() -> str:
    return (
        "`detect weights list` says which of them are on your machine. A name stands for a trained model wherever one\n"
        "is expected, and as `--weights` of `detect train`; the file is then downloaded, checked and imported, once."
    )


def checkpoints_table() -> str:
    """The checkpoints that can be imported, each with the address of its file."""
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


if __name__ == "__main__":
    sys.exit(main())
