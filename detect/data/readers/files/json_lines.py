"""Files of JSON lines (`.jsonl`, `.ndjson`): a value on each line, read one by one."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from detect.data.regular_files import open_regular
from detect.errors import BadInput

_LONGEST_LINE = 64 * 1024 * 1024  # bytes: the description of one image, with its masks
_SHOWN = 120  # characters of a line that is not JSON


def read_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the number of each line that is not empty, from 1, and its value.

    The value of a line that is not JSON is the beginning of its text: whoever expects an object reports it.

    Raises:
        BadInput: the file cannot be read, or has a line that is too long for one image; raised when reading gets there.
    """
    try:
        with open_regular(path) as file:
            reader = io.BufferedReader(cast(io.RawIOBase, file))
            number = 0
            while line := reader.readline(_LONGEST_LINE):
                number += 1
                if len(line) == _LONGEST_LINE:
                    raise BadInput(f"{path}:{number}: a line of {_LONGEST_LINE} bytes or more is not that of an image.")
                if line.strip():
                    yield number, _value(line)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:  # the path is not one: it has a null character
        raise BadInput(f"{str(path)!r}: cannot be read: {error}.") from None


def first_json_line(path: Path) -> Any:
    """Return the value of the first line; None where there is none. BadInput where the file cannot be read."""
    lines = read_json_lines(path)  # which has the file open as long as it is kept
    return next(lines, (0, None))[1]


def _value(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line[:_SHOWN].decode("utf-8", "replace").strip()
