"""Choosing the thresholds of a trained model on annotated images, for its card: `detect.set_thresholds`."""

from pathlib import Path

from detect.config import to_json
from detect.data.dataset import Dataset
from detect.data.readers import description
from detect.errors import BadInput
from detect.evaluation.evaluation_run import Progress, evaluate
from detect.evaluation.goals import goal_of, require_model
from detect.evaluation.operating_points import OperatingPoint, operating_points, with_thresholds
from detect.files import write_text
from detect.models.card import CARD, Goal, load_card


def set_thresholds(
    model: str | Path,
    data: str | Path | Dataset,
    split: str = "val",
    *,
    precision: float | None = None,
    recall: float | None = None,
    false_alarms: float | None = None,
    progress: Progress | None = None,
) -> dict[str, OperatingPoint]:
    """Choose a threshold for each class of a model and write them into its card, as `detect threshold` does.

    From then on, predictions without a `confidence` have them, and so has every export that is made. Classes without
    objects in the images keep theirs.

    Args:
        model: a run folder or a model folder.
        data: anything that `open_dataset` takes.
        split: part of the dataset to choose them on. `train` would give thresholds that are too high.
        precision: least precision of each class, 0 to 1.
        recall: least recall of each class, instead.
        false_alarms: most wrong detections of each class per image, instead. Without any of the three, thresholds are
            those of the best F1.
        progress: called with the number of images that are done and the number of all images.

    Returns:
        What the threshold of each class gives on the images, by the name of the class.

    Raises:
        BadInput: the folder is not that of a model, the data cannot be used, or the goal.
    """
    goal = goal_of(precision=precision, recall=recall, false_alarms=false_alarms)
    return choose_thresholds(require_model(model), description.open_dataset(data), split, goal, progress)


def choose_thresholds(
    folder: Path, dataset: Dataset, split: str, goal: Goal, progress: Progress | None = None
) -> dict[str, OperatingPoint]:
    """Choose thresholds for a goal and write them into the card of the model in a folder; see `set_thresholds`."""
    goal = goal.model_copy(update={"data": dataset.digest(), "split": split})
    points = operating_points(evaluate(folder, dataset, split, progress=progress), goal)
    if not points:
        raise BadInput(f"{dataset.source}: the split {split!r} has no object of a class of the model to choose for.")
    write_text(folder / CARD, to_json(with_thresholds(load_card(folder), points, goal)))
    return points
