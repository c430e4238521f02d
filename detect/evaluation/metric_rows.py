"""Reading of `metrics.jsonl`, the numbers of a training run over time."""

import json
import math
from pathlib import Path
from typing import Any

from detect.errors import BadInput


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file `metrics.jsonl`; none where there is no file.

    The last line is left out where a run was killed while it wrote it.

    Raises:
        BadInput: the file cannot be read, or another line is not a row.
    """
    way_on = "Restore the file, or remove it: only its curves are lost."
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is damaged: its byte {error.start} is not text. {way_on}") from None
    rows = [_row(line) for line in lines]
    if rows[-1] is None:  # empty, or cut off
        rows.pop()
    for number, row in enumerate(rows, 1):
        if row is None:
            raise BadInput(f"{path}, line {number}: expected a row with step, epoch, time and kind. {way_on}")
    return [row for row in rows if row is not None]


def _row(line: str) -> dict[str, Any] | None:
    """Return the row in a line; None where it is not one."""
    try:
        row = json.loads(line)
        is_row = row["kind"] in ("train", "val") and isinstance(row["step"], int) and row["step"] >= 0
        return row if is_row and math.isfinite(row["epoch"]) and math.isfinite(row["time"]) else None
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
