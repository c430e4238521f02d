"""Export formats, each in one file or folder of this package, which gives it its name.

A format's module has `FORMAT`, a `Format`. Its `Reader` and `Writer` are the files `reader.py` and `writer.py` of the
folder; in a format of one file, they are the module itself. Importing the module must not import the format's packages:
a format of one file does that within its functions.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any, cast

from detect.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from detect.artefacts.format import Format, Reader, Writer


def names() -> list[str]:
    """Return the names of all formats, in alphabetical order."""
    return sorted(name for _, name, _ in pkgutil.iter_modules(__path__))


def find(name: str) -> "Format":
    """Return the format of that name.

    Raises:
        BadInput: there is none; the message has the nearest name.
    """
    return _module(name).FORMAT


def load_reader(name: str) -> "Reader":
    """Import what runs exports of a format; the packages in its `runs_with` have to be installed."""
    return cast("Reader", _part(name, "reader"))


def load_writer(name: str) -> "Writer":
    """Import what exports to a format; its `packages` have to be installed."""
    return cast("Writer", _part(name, "writer"))


def _module(name: str) -> Any:
    if name not in names():
        raise BadInput(f"Unknown format {name!r}. {did_you_mean(name, names())}")
    return importlib.import_module(f"{__name__}.{name}")


def _part(name: str, part: str) -> Any:
    module = _module(name)
    return importlib.import_module(f"{module.__name__}.{part}") if hasattr(module, "__path__") else module
