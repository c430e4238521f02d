"""Readers of dataset formats, one file or folder per format, and the checks that everything they read has to pass.

A format is a module of this folder with a `READER` (see `reader`). It is found here; no other file names it. The rooms
are for what formats share:

| room | content |
| --- | --- |
| `files` | reading of folders, text, tables and JSON |
| `images` | finding the images that annotations name |
| `assembly` | the checks, and the dataset that results |
| `kinds` | what the formats of one kind share: begin there with another format |
| `tf_examples` | what the two readers of TFRecord files share |
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
