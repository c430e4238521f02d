"""Writers of dataset formats, one per file. A format is a module of this folder with a `WRITER` (see `writer`)."""

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every writer imports this file first
    from detect.data.writers.writer import Writer


@functools.cache
def writers() -> dict[str, "Writer"]:
    """Return the writer of each format by its name."""
    modules = [importlib.import_module(f"{__name__}.{name}") for _, name, _ in pkgutil.iter_modules(__path__)]
    return {module.WRITER.name: module.WRITER for module in modules if hasattr(module, "WRITER")}
