"""The page about scores and what explains them: of a model on a dataset, or of a training run.

The page itself is the template `report.html.jinja`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from detect.evaluation.coco_scores import Compared, Scores
from detect.evaluation.diagnosis.diagnosing import Diagnosis, diagnose
from detect.reports.next_steps import Subject, next_steps
from detect.reports.pages import data_uri, score_text, script_json, template
from detect.reports.scored_images import ScoredImages, image_data
from detect.reports.sections import HEADLINES, class_rows, confusion_table, curve_charts, hint_rows, score_rows
from detect.reports.thumbnails import thumbnails

MOST_EMBEDDED = 200  # images within a page, those that cost most AP

Numbers = dict[str, Any]  # what a JSON object holds
TITLES = {
    "steps": "Next",
    "scores": "Scores",
    "classes": "Classes",
    "kept": "Kept classes",
    "errors": "Errors",
    "curves": "Curves",
    "confusion": "Confusion",
    "ranges": "Objects",
    "hints": "Annotations",
    "images": "Images",
    "training": "Training",
    "pictures": "Pictures",
    "settings": "Settings",
}


class Explained(NamedTuple):
    """Scores, and what explains them."""

    scores: Scores
    compared: Compared
    diagnosis: Diagnosis
    images: ScoredImages


class ImageList(NamedTuple):
    """The list of images on a page. Its data is in a script, or in a file beside the page."""

    classes: Sequence[str]
    script: Markup | None = None
    file: str = ""


def explain(scores: Scores | None, images: ScoredImages | None) -> Explained | None:
    """Return scores with what explains them; None where there are none, or no objects."""
    if scores is None or images is None:
        return None
    diagnosis = diagnose(scores.compared, images.sizes, images.scales)
    return Explained(scores, scores.compared, diagnosis, images) if diagnosis else None


def render(
    name: str,
    subtitle: str,
    numbers: Numbers,
    scores: Scores | None,
    explained: Explained | None,
    subject: Subject,
    images: ImageList | None,
    **further: Any,
) -> str:
    """Return a page.

    Args:
        name: its title.
        subtitle: a line below.
        numbers: the scores as JSON has them; empty where there are none.
        scores: the same, where more is known.
        explained: the same with what explains them.
        subject: what was scored.
        images: the list of images.
        further: other variables of the template.
    """
    diagnosis = explained.diagnosis if explained else None
    values: dict[str, Any] = {
        "generator": "detect",
        "name": name,
        "subtitle": subtitle,
        "split": subject.split,
        "tiles": tiles(numbers),
        "steps": next_steps(explained.scores, explained.diagnosis, subject) if explained else [],
        "scores": score_rows(numbers, diagnosis),
        "score_notes": scores.notes if scores else (),
        "certainty": scores.certainty if scores else "",
        "class_metrics": HEADLINES,
        "classes": class_rows(numbers, diagnosis, subject.thresholds),
        "thresholds": subject.thresholds,
        "kept": [],
        "kept_verdict": "",
        "diagnosis": diagnosis,
        "errors": bool(diagnosis),
        "ranges": bool(diagnosis),
        "curves": curve_charts(scores, diagnosis) if scores else [],
        "confusion": confusion_table(scores.confusion) if scores and scores.curves.precisions else None,
        "hints": hint_rows(explained.compared, explained.diagnosis.hints, explained.images) if explained else [],
        "images": images,
        "training": [],
        "pictures": [],
        "settings": [],
        "all_settings": "",
        **further,
    }
    values["contents"] = [(id, title) for id, title in TITLES.items() if values[id]]
    return template("report.html.jinja").render(values)


def tiles(numbers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return labels and values of the scores at the top."""
    return [(name, score_text(numbers[name])) for name in HEADLINES if name in numbers]


def embedded_images(explained: Explained) -> ImageList:
    """Return a list of the images that cost most AP, with small copies, all of it within the page."""
    rows = worst_images(explained)[:MOST_EMBEDDED]
    pictures: list[str | None] = [None] * len(rows)
    if paths := explained.images.paths:
        sizes = sizes_of(explained.images, rows)
        copies = thumbnails([paths[row] for row in rows], sizes)
        pictures = [copy and data_uri("image/jpeg", copy) for copy in copies]  # type: ignore[misc]
    return ImageList(names_of(explained), Markup(script_json(page_data(explained, rows, pictures, None))))


def page_data(
    explained: Explained, rows: np.ndarray, pictures: Sequence[str | None], originals: Sequence[str] | None
) -> dict[str, Any]:
    """Return what the script of a page needs.

    Args:
        explained: the scores.
        rows: positions of the images on the page.
        pictures: the address of the small copy of each; None where there is none.
        originals: the address of the file of each.
    """
    data = image_data(explained.compared, explained.scores.confusion, explained.diagnosis, explained.images, rows)
    total = len(explained.images.names)
    note = "" if len(rows) == total else f", those that cost most AP of all {total:,}"
    return {**data, "pictures": pictures, "originals": originals, "note": note}


def worst_images(explained: Explained) -> np.ndarray:
    """Return the positions of the images, those that cost most AP first."""
    return np.argsort(-explained.diagnosis.lost, kind="stable")


def sizes_of(images: ScoredImages, rows: np.ndarray) -> list[tuple[int, int]]:
    """Return width and height of some images whose files are known."""
    return [(int(width), int(height)) for width, height in images.sizes[rows].tolist()]


def names_of(explained: Explained) -> tuple[str, ...]:
    """Return the names of the classes."""
    return explained.compared.truth.names
