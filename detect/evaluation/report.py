"""`report.html` of a training run: one file that opens anywhere, with every figure and picture inside it.

The page itself is the template `report.html.jinja`.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detect.evaluation.coco_scores import METRICS, Scores
from detect.evaluation.figures import confusion_chart, line_chart, precision_recall_chart
from detect.evaluation.kept_scores import kept_classes, verdict
from detect.evaluation.metric_rows import read_rows
from detect.evaluation.pages import Figure, data_uri, score_text, template
from detect.files import write_text

PICTURES = {
    "predictions_val.jpg": "Detections in validation images",
    "batches_train.jpg": "Training batches, as the model receives them",
}
MEANINGS = {
    "AP": "average precision, mean over IoU 0.50 to 0.95",
    "AP50": "average precision at IoU 0.50",
    "AP75": "average precision at IoU 0.75",
    "APs": "AP of small objects, under 32 x 32 pixels",
    "APm": "AP of medium objects",
    "APl": "AP of large objects, over 96 x 96 pixels",
    "AR1": "average recall with 1 detection per image",
    "AR10": "average recall with 10 detections per image",
    "AR100": "average recall with 100 detections per image",
    "ARs": "AR100 of small objects",
    "ARm": "AR100 of medium objects",
    "ARl": "AR100 of large objects",
}
HEADLINES = ("AP", "AP50", "AP75", "AR100")  # at the top of the page, and for each class
SUMMARY = ("model", "data", "image_size", "batch_size", "epochs", "max_time", "weights", "precision", "seed")
NOT_LOSSES = {"step", "epoch", "time", "kind", "learning_rate", "images_per_second", "data_wait"}
MOST_NARROW = 12  # classes up to which the confusion matrix shares a row with another figure

Numbers = dict[str, Any]  # what a JSON object holds


def write_report(run_folder: str | Path, scores: Scores | None = None) -> Path:
    """Write `report.html` into a run folder from what is in the folder.

    Args:
        run_folder: read are `config.json`, `metrics.jsonl`, `evaluation.json`, `teacher.json` and the files of
            `PICTURES`, each where it exists.
        scores: of the run. The precision-recall curves and the confusion matrix are only drawn where they are given,
            because no file has them.

    Returns:
        The path of the report.

    Raises:
        RunFailure: the report cannot be written.
    """
    folder = Path(run_folder)
    settings = _read_json(folder / "config.json")
    numbers = scores.to_numbers() if scores else _read_json(folder / "evaluation.json")
    rows = read_rows(folder / "metrics.jsonl")
    kept = kept_classes(folder)
    page = template("report.html.jinja").render(
        generator="detect train",
        name=folder.name,
        subtitle=" on ".join(str(settings[key]) for key in ("model", "data") if settings.get(key)),
        tiles=_tiles(numbers, rows),
        scores=[(name, numbers[name], MEANINGS[name]) for name in METRICS if name in numbers],
        class_metrics=HEADLINES,
        classes=sorted(numbers.get("per_class", {}).items(), key=lambda item: -(item[1]["AP"] or 0)),
        score_notes=filter(None, (*scores.notes, scores.certainty)) if scores else (),
        kept=kept,
        kept_verdict=verdict(kept),
        figure_sections=[
            ("Precision, recall and confusion", _score_figures(scores)),
            ("Training curves", _training_figures(rows)),
            ("Pictures", _pictures(folder)),
        ],
        settings=[(key, settings[key]) for key in SUMMARY if settings.get(key) is not None],
        all_settings=json.dumps(settings, indent=2, ensure_ascii=False),
    )
    path = folder / "report.html"
    write_text(path, page)
    return path


def _tiles(numbers: Numbers, rows: Sequence[Numbers]) -> list[tuple[str, str]]:
    """Labels and values of the numbers at the top."""
    tiles = [(name, score_text(numbers[name])) for name in HEADLINES if name in numbers]
    if rows:
        tiles.append(("epochs", f"{rows[-1]['epoch']:.4g}"))
        tiles.append(("time", _duration(rows[-1]["time"] - rows[0]["time"])))
    return tiles


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 120 else f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"


def _score_figures(scores: Scores | None) -> list[Figure]:
    if scores is None or not scores.curves.precisions:
        return []
    confusion = scores.confusion
    at = f"confidence {confusion.confidence:g} and IoU {confusion.overlap:g}"
    return [
        _chart("Precision and recall at IoU 0.5", precision_recall_chart(scores.curves)),
        _chart(
            f"Confusion matrix at {at}: true classes in rows, detected classes in columns",
            confusion_chart(confusion),
            "wide" if len(confusion.names) > MOST_NARROW else "narrow",
        ),
    ]


def _training_figures(rows: Sequence[Numbers]) -> list[Figure]:
    train = [row for row in rows if row["kind"] == "train"]
    validated = [row for row in rows if row["kind"] == "val"]
    losses = [name for name in (train[-1] if train else {}) if name not in NOT_LOSSES]
    charts = [
        (train, losses, "loss", "Loss and its parts", True),
        (validated, ["AP", "AP50", "AP75"], "score", "Scores on the validation images", False),
        (train, ["learning_rate"], "learning rate", "Learning rate", False),
        (train, ["images_per_second"], "images per second", "Training speed", False),
    ]
    figures = []
    for source, names, label, caption, logarithmic in charts:
        drawn = [name for name in names if any(_is_finite(row.get(name)) for row in source)]
        if drawn:
            figures.append(_chart(caption, line_chart(source, drawn, label, logarithmic)))
    return figures


def _pictures(folder: Path) -> list[Figure]:
    return [
        Figure(caption, data_uri("image/jpeg", (folder / name).read_bytes()), "wide")
        for name, caption in PICTURES.items()
        if (folder / name).is_file()
    ]


def _chart(caption: str, svg: str, kind: str = "narrow") -> Figure:
    return Figure(caption, data_uri("image/svg+xml", svg.encode("utf-8")), kind)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _read_json(path: Path) -> Numbers:
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}
