"""The report on a model, or on a file of detections: a folder with `index.html`, or one file."""

from pathlib import Path

from detect.errors import BadInput
from detect.evaluation.coco_scores import Scores
from detect.files import deliver_folder, draft_folder, is_free, write_text
from detect.reports.next_steps import Subject
from detect.reports.pages import script_json
from detect.reports.report_page import (
    Explained,
    ImageList,
    embedded_images,
    explain,
    names_of,
    page_data,
    render,
    sizes_of,
    worst_images,
)
from detect.reports.scored_images import ScoredImages, originals
from detect.reports.thumbnails import thumbnails

PAGE, DATA, THUMBNAILS = "index.html", "report-data.js", "thumbnails"


def write_model_report(
    folder: str | Path, scores: Scores, images: ScoredImages, subject: Subject, single_file: bool = False
) -> Path:
    """Write a report.

    Args:
        folder: is created, or replaced where it is a report.
        scores: with what was compared.
        images: that were scored.
        subject: what was scored.
        single_file: put the images that cost most AP into the page, in place of all of them beside it.

    Returns:
        The path of the page.

    Raises:
        BadInput: there is something else in the folder.
        RunFailure: the report cannot be written.
    """
    destination = Path(folder)
    require_free(destination)
    explained = explain(scores, images)
    with draft_folder(destination) as draft:
        listed = None
        if explained:
            listed = embedded_images(explained) if single_file else _images_beside(explained, draft, destination)
        title = Path(subject.model).name if subject.model else "Detections"
        subtitle = f"{subject.model or subject.predictions} on {subject.data}, {subject.split}"
        page = render(title, subtitle, scores.to_numbers(), scores, explained, subject, listed)
        write_text(draft / PAGE, page)
        if single_file:
            write_text(draft / DATA, "")  # by which a report is recognised
        deliver_folder(draft, destination, synced=False)
    return destination / PAGE


def require_free(folder: Path) -> None:
    """Raise `BadInput` unless a report can be written to `folder` without loss."""
    if not is_free(folder, DATA):
        raise BadInput(f"{folder} is in use, and not by a report. Give a new folder, or that of a report.")


def _images_beside(explained: Explained, draft: Path, destination: Path) -> ImageList:
    """Write small copies of all images, and the file with what is known about them."""
    rows = worst_images(explained)
    pictures: list[str | None] = [None] * len(rows)
    if paths := explained.images.paths:
        (draft / THUMBNAILS).mkdir()
        copies = thumbnails([paths[row] for row in rows], sizes_of(explained.images, rows))
        for number, copy in enumerate(copies):
            if copy:
                pictures[number] = f"{THUMBNAILS}/{number:06}.jpg"
                (draft / THUMBNAILS / f"{number:06}.jpg").write_bytes(copy)
    addresses = originals(explained.images, destination)
    whole = addresses and [addresses[row] for row in rows]
    write_text(draft / DATA, f"window.detectReport={script_json(page_data(explained, rows, pictures, whole))};\n")
    return ImageList(names_of(explained), file=DATA)
