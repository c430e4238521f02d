"""A table of all detected objects, written while the results arrive."""

import csv
from pathlib import Path

from detect.files import GrowingText, require_own
from detect.inference.result import Result

COLUMNS = ("path", "frame", "timestamp", "label", "name", "score", "x1", "y1", "x2", "y2")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which cells begin that a spreadsheet computes


class CsvWriter:
    """Writes a row per object, with boxes in pixels of the image, and timestamps in seconds, empty for images.

    A path or a name that spreadsheets would take for a formula gets an apostrophe before it, which they do not show.
    """

    def __init__(self, path: str | Path):
        self.outputs = [Path(path)]
        require_own(self.outputs[0], lambda text: text.startswith(",".join(COLUMNS)), "a table of `detect predict`")
        self._text = GrowingText(path)
        self._table = csv.writer(self._text, lineterminator="\n")
        self._table.writerow(COLUMNS)

    def __enter__(self) -> "CsvWriter":
        return self

    def write(self, result: Result) -> None:
        time = "" if result.timestamp is None else f"{result.timestamp:.6f}"
        objects = zip(result.labels, result.names, result.scores, result.boxes.tolist(), strict=True)
        for label, name, score, box in objects:
            corners = (f"{value:.2f}" for value in box)
            row = [as_text(result.image_path), result.index, time, label, as_text(name), f"{score:.5f}", *corners]
            self._table.writerow(row)

    def __exit__(self, kind, error, trace) -> None:
        self._text.__exit__(kind, error, trace)


def as_text(text: str) -> str:
    """Return a cell that spreadsheets do not take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
