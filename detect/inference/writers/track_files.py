"""Files about the objects of tracked videos, one of each kind for each video, written while the results arrive."""

import csv
import io
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from detect.files import GrowingText, write_text
from detect.inference.result import Result
from detect.inference.sources.frames import Source
from detect.inference.track_stream import ids_of
from detect.inference.writers.csv_table import as_text
from detect.inference.writers.output_folder import OutputFolder
from detect.tracking.counting import Counts, Crossing

MOT, FRAMES, COUNTS = ".txt", ".jsonl", "-counts.csv"  # what the names of the files end with
COLUMNS = ("region", "name", "in", "out", "inside")


class TrackWriter:
    """Writes `NAME.txt`, `NAME.jsonl` and, where there are lines or zones, `NAME-counts.csv` for each video.

    - `NAME.txt` is in the form of results for MOT Challenge: frame, identity, left, top, width, height, score, and
      three times -1. Frames and pixels count from 1. It has no place for classes.
    - `NAME.jsonl` has a line for each frame, with its objects and what has crossed a line or the border of a zone in
      it. Frames count from 0, and boxes are `x1, y1, x2, y2` in pixels.
    - `NAME-counts.csv` has a row for each class at each line and zone.
    """

    def __init__(self, folder: OutputFolder, sources: Sequence[Source], counting: bool):
        """`counting`: whether there are lines or zones. BadInput where a file would replace one of somebody else."""
        self.outputs: list[Path] = []
        self._folder = folder
        self._source = ""  # name of the video that is being written
        self._open = ExitStack()
        self._mot: GrowingText
        self._frames: GrowingText
        for source in sources:
            for ending in (MOT, FRAMES, COUNTS) if counting else (MOT, FRAMES):
                folder.require_free(source.name + ending)

    def __enter__(self) -> "TrackWriter":
        return self

    def write(self, result: Result, crossings: Sequence[Crossing] = ()) -> None:
        """Add a frame, with what has crossed lines and the borders of zones in it."""
        if self._source != result.frame.source.name:
            self._begin(result.frame.source.name)
        self._mot.write(_mot_lines(result))
        self._frames.write(json.dumps(_frame(result, crossings), ensure_ascii=False) + "\n")

    def write_counts(self, counts: Counts, classes: Sequence[str]) -> None:
        """Write the counts of the video whose frames were added last."""
        write_text(self._path(COUNTS, "counts"), _table(counts, classes))

    def __exit__(self, kind, error, trace) -> None:
        self._open.__exit__(kind, error, trace)

    def _begin(self, source: str) -> None:
        self._open.close()
        self._source = source
        self._mot = self._open.enter_context(GrowingText(self._path(MOT, "tracks")))
        self._frames = self._open.enter_context(GrowingText(self._path(FRAMES, "tracked frames")))

    def _path(self, ending: str, kind: str) -> Path:
        path = self._folder.path(self._source + ending, kind, self._source)
        self.outputs.append(path)
        return path


def _mot_lines(result: Result) -> str:
    sides = np.concatenate([result.boxes[:, :2] + 1, result.boxes[:, 2:] - result.boxes[:, :2]], axis=1)
    rows = zip(ids_of(result).tolist(), sides.tolist(), result.scores.tolist(), strict=True)
    return "".join(
        f"{result.index + 1},{identity},{x:.2f},{y:.2f},{width:.2f},{height:.2f},{score:.5f},-1,-1,-1\n"
        for identity, (x, y, width, height), score in rows
    )


def _frame(result: Result, crossings: Sequence[Crossing]) -> dict[str, Any]:
    objects = [
        {
            "id": found.id,
            "label": found.label,
            "name": found.name,
            "score": round(found.score, 5),
            "box": [round(side, 2) for side in found.box],
        }
        for found in result
    ]
    frame = {"frame": result.index, "timestamp": round(result.timestamp or 0.0, 6), "objects": objects}
    events = [{"region": where.region, "direction": where.direction, "id": where.id} for where in crossings]
    return {**frame, "crossings": events} if events else frame


def _table(counts: Counts, classes: Sequence[str]) -> str:
    """Return rows of `COLUMNS` for all classes that were counted, or a row of zeros where there were none."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for region in counts.regions:
        inside = region.inside
        labels = sorted({*region.entered, *region.left, *(inside or ())})
        for name, label in [(as_text(classes[label]), label) for label in labels] or [("", -1)]:
            now = "" if inside is None else inside[label]
            table.writerow([region.region.name, name, region.entered[label], region.left[label], now])
    return text.getvalue()
