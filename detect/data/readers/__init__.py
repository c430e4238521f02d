"""Readers of dataset formats, one per file, and the checks that everything they read has to pass.

A format is a module of this folder with a `READER` (see `reader`). It is found here; no other file names it.
"""

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every reader imports this file first
    from detect.data.readers.reader import Reader


@functools.cache
def readers() -> dict[str, "Reader"]:
    """Return the reader of each format by the name of its module."""
    modules = {name: importlib.import_module(f"{__name__}.{name}") for _, name, _ in pkgutil.iter_modules(__path__)}
    return {name: module.READER for name, module in modules.items() if hasattr(module, "READER")}
