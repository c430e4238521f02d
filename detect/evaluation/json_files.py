"""Reading of JSON files, some with hundreds of thousands of entries."""

import contextlib
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic_core

from detect.errors import BadInput


@contextlib.contextmanager
def collection_paused() -> Iterator[None]:
    """Pause Python's collection of garbage: each entry is several new objects, among which there is no garbage.

    Otherwise the collector goes through all objects of the process again and again, which takes longer than parsing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def read_json(path: Path) -> Any:
    """Read a JSON file; BadInput where that is not possible."""
    try:
        return _parsed(path.read_bytes())
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not JSON: its byte {error.start} is not text.") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not JSON: {error}.") from None


def shorten(value: Any) -> str:
    """Return a value as it is shown in errors."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _parsed(content: bytes) -> Any:
    """Return what `json.loads` returns, in half the time for what most files are: UTF-8 without a byte order mark."""
    try:
        return pydantic_core.from_json(content)
    except ValueError:
        return json.loads(content)
