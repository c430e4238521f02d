"""`detect evaluate --report`: the report on what was scored."""

from pathlib import Path
from typing import TYPE_CHECKING

from detect.cli.printing import say
from detect.errors import BadInput
from detect.files import replaces

if TYPE_CHECKING:
    from detect.data.dataset import Dataset
    from detect.evaluation.coco_scores import Scores
    from detect.evaluation.truth import Truth
    from detect.inference.predictor import Model
    from detect.inference.views import Views
    from detect.reports.scored_images import ScoredImages


def announce_report(folder: Path | None, single_file: bool) -> None:
    """Check where the report is to be written, and print a line where it replaces another one.

    Nothing is done where the option was not given; BadInput where the folder is not free.
    """
    from detect.reports.model_report import PAGE, require_free

    if folder is None:
        if single_file:
            raise BadInput("--single-file is about the page of --report DIR, which is not given.")
        return
    require_free(folder)
    if replaces(folder / PAGE):
        say(f"The report in {folder} will be replaced.")


def report_on_model(
    folder: Path,
    scores: "Scores",
    name: str,
    model: "Model",
    views: "Views",
    dataset: "Dataset",
    split: str,
    single_file: bool,
) -> Path:
    """Write the report on a model, and return the path of its page.

    Args:
        folder: where it is written.
        scores: of the model.
        name: of the model, as the user gave it.
        model: that was scored.
        views: in which it saw images.
        dataset: that it was scored on.
        split: part of the dataset.
        single_file: as of `write_model_report`.
    """
    from detect.data.dataset import scored_split
    from detect.reports.model_report import write_model_report
    from detect.reports.next_steps import Subject
    from detect.reports.scored_images import images_of_records

    _, records = scored_split(dataset, split)
    images = images_of_records(
        records, scores.compared.truth, lambda height, width: views.of(height, width)[0].placement
    )
    card = model.card
    subject = Subject(
        name, str(dataset.source), split, is_run=(Path(name) / "evaluation.json").is_file(), image_size=card.image_size
    )
    return write_model_report(
        folder, scores, images, subject._replace(kind=card.model, thresholds=card.confidences), single_file
    )


def report_on_predictions(
    folder: Path, scores: "Scores", predictions: Path, data: str, split: str, single_file: bool
) -> Path:
    """Write the report on a file of predictions, whose images need not exist, and return the path of its page.

    Args:
        folder: where it is written.
        scores: of the predictions.
        predictions: the file.
        data: that they were scored on.
        split: part of the data.
        single_file: as of `write_model_report`.
    """
    from detect.reports.model_report import write_model_report
    from detect.reports.next_steps import Subject

    subject = Subject(data=data, split=split, predictions=str(predictions))
    images = images_of_data(data, split, scores.compared.truth)
    return write_model_report(folder, scores, images, subject, single_file)


def images_of_data(data: str, split: str, truth: "Truth") -> "ScoredImages":
    """Return the images of the data; where they cannot be opened, what its annotations say about them."""
    from detect.data.dataset import scored_split
    from detect.data.readers.description import open_dataset
    from detect.reports.scored_images import images_of_file, images_of_records

    try:
        _, records = scored_split(open_dataset(data), split)
    except BadInput:
        return images_of_file(truth)
    known = set(records.image_ids.tolist())
    if not known.issuperset(truth.image_ids.tolist()):  # some images are missing or cannot be used
        return images_of_file(truth)
    return images_of_records(records, truth)
