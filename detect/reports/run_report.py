"""`report.html` of a training run: one file that opens anywhere, with every figure and picture inside it."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detect.data.pixels.resizing import letterbox
from detect.data.records import Records
from detect.evaluation.coco_scores import Scores
from detect.evaluation.kept_scores import kept_classes, verdict
from detect.evaluation.metric_rows import read_rows
from detect.files import write_text
from detect.reports.charts import Chart, Line, axis_of, line_chart
from detect.reports.next_steps import Subject
from detect.reports.pages import Figure, data_uri
from detect.reports.report_page import Numbers, embedded_images, explain, render, tiles
from detect.reports.scored_images import images_of_records

PICTURES = {
    "predictions_val.jpg": "Detections in validation images",
    "batches_train.jpg": "Training batches, as the model receives them",
}
SUMMARY = ("model", "data", "image_size", "batch_size", "epochs", "max_time", "weights", "precision", "seed")
NOT_LOSSES = {"step", "epoch", "time", "kind", "learning_rate", "images_per_second", "data_wait"}


def write_run_report(run_folder: str | Path, scores: Scores | None = None, records: Records | None = None) -> Path:
    """Write `report.html` into a run folder from what is in the folder.

    Args:
        run_folder: read are `config.json`, `metrics.jsonl`, `evaluation.json`, `teacher.json` and the files of
            `PICTURES`, each where it exists.
        scores: of the run. What explains the scores is only shown where they are given, because no file has it.
        records: the images that were scored.

    Returns:
        The path of the report.

    Raises:
        RunFailure: the report cannot be written.
    """
    folder = Path(run_folder)
    settings = _read_json(folder / "config.json")
    numbers = scores.to_numbers() if scores else _read_json(folder / "evaluation.json")
    rows, kept = read_rows(folder / "metrics.jsonl"), kept_classes(folder)
    images = None
    if scores and records is not None:
        side = settings.get("image_size")
        images = images_of_records(records, scores.compared.truth, side and letterbox(side))
    explained = explain(scores, images)
    page = render(
        folder.name,
        " on ".join(str(settings[key]) for key in ("model", "data") if settings.get(key)),
        numbers,
        scores,
        explained,
        _subject(folder, settings),
        embedded_images(explained) if explained else None,
        generator="detect train",
        tiles=[*tiles(numbers), *_course(rows)],
        kept=kept,
        kept_verdict=verdict(kept),
        training=_training_charts(rows),
        pictures=_pictures(folder),
        settings=[(key, settings[key]) for key in SUMMARY if settings.get(key) is not None],
        all_settings=json.dumps(settings, indent=2, ensure_ascii=False),
    )
    path = folder / "report.html"
    write_text(path, page)
    return path


def _subject(folder: Path, settings: Numbers) -> Subject:
    known = {"data": settings.get("data"), "kind": settings.get("model"), "image_size": settings.get("image_size")}
    return Subject(model=str(folder), is_run=True, **{key: value for key, value in known.items() if value})


def _course(rows: Sequence[Numbers]) -> list[tuple[str, str]]:
    """Return labels and values of how long the run was."""
    if not rows:
        return []
    return [("epochs", f"{rows[-1]['epoch']:.4g}"), ("time", _duration(rows[-1]["time"] - rows[0]["time"]))]


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 120 else f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"


def _training_charts(rows: Sequence[Numbers]) -> list[Chart]:
    train = [row for row in rows if row["kind"] == "train"]
    validated = [row for row in rows if row["kind"] == "val"]
    losses = [name for name in (train[-1] if train else {}) if name not in NOT_LOSSES]
    charts = [
        ("Loss and its parts", train, losses, "loss", True),
        ("Scores on the validation images", validated, ["AP", "AP50", "AP75"], "score", False),
        ("Learning rate", train, ["learning_rate"], "learning rate", False),
        ("Training speed", train, ["images_per_second"], "images per second", False),
    ]
    return list(filter(None, (_chart(*each) for each in charts)))


def _pictures(folder: Path) -> list[Figure]:
    return [
        Figure(caption, data_uri("image/jpeg", (folder / name).read_bytes()), "wide")
        for name, caption in PICTURES.items()
        if (folder / name).is_file()
    ]


def _chart(caption: str, rows: Sequence[Numbers], names: Sequence[str], label: str, logarithmic: bool) -> Chart | None:
    """Draw values of `metrics.jsonl` against the epoch; None where there are none.

    Args:
        caption: of the chart.
        rows: lines of the file.
        names: of the values.
        label: of the vertical axis.
        logarithmic: whether that is.
    """
    epochs = [row["epoch"] for row in rows]
    lines = [Line(name, epochs, [_number(row.get(name)) for row in rows]) for name in names]
    lines = [line for line in lines if any(map(math.isfinite, line.ys))]
    if not lines:
        return None
    values = [value for line in lines for value in line.ys]
    return line_chart(caption, lines, axis_of("epoch", epochs), axis_of(label, values, logarithmic))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _read_json(path: Path) -> Numbers:
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}
