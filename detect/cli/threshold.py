"""`detect threshold`."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from detect.cli.printing import progress_bar, say, show_table
from detect.cli.starting import start_tensorflow

if TYPE_CHECKING:
    from detect.evaluation.intervals import Interval
    from detect.evaluation.operating_points import OperatingPoint
    from detect.models.card import Goal


def threshold(
    model: Annotated[str, typer.Argument(help="Run folder or model folder.", show_default=False)],
    data: Annotated[str, typer.Option(help="Dataset to choose the thresholds on, as for `detect train`.")],
    split: Annotated[str, typer.Option(help="Part of the dataset: val, test or train.")] = "val",
    precision: Annotated[float | None, typer.Option(help="Least precision of each class, 0 to 1.")] = None,
    recall: Annotated[float | None, typer.Option(help="Least recall of each class, 0 to 1.")] = None,
    false_alarms: Annotated[float | None, typer.Option(help="Most false alarms of each class per image.")] = None,
    f1: Annotated[bool, typer.Option("--f1", help="The best F1 of each class, as without a goal.")] = False,
) -> None:
    """Choose the score threshold of each class for a goal, and keep them in the model.

    `detect predict` and the other commands then have them without --confidence, and so have exports that are made.
    """
    from detect.data.readers.description import open_with_split, require_present
    from detect.errors import BadInput
    from detect.evaluation.goals import goal_of, require_model

    goal = goal_of(precision=precision, recall=recall, false_alarms=false_alarms)
    if f1 and goal.measure != "f1":
        raise BadInput(f"Give one goal, not --f1 and {goal}.")
    folder = require_model(model)
    require_present(data)
    dataset = open_with_split(data, split)
    start_tensorflow()
    from detect.evaluation.threshold_run import choose_thresholds
    from detect.inference.exports import exports_with_other_thresholds

    with progress_bar("images") as progress:
        points = choose_thresholds(folder, dataset, split, goal, progress)
    show_points(points, goal)
    say(f"The thresholds are kept in {folder}.")
    for export in exports_with_other_thresholds(folder):
        say(f"Note: {export} has other thresholds, and is no longer chosen by itself. Export the model again.")


def show_points(points: "dict[str, OperatingPoint]", goal: "Goal") -> None:
    """Print what the threshold of each class gives, and which do not meet the goal."""
    header = [
        "class",
        "threshold",
        "precision",
        "95 % interval",
        "recall",
        "95 % interval",
        "F1",
        "false alarms",
        "boxes",
    ]
    rows = [
        [
            name,
            f"{point.threshold:.4f}",
            _number(point.precision),
            _interval(point.precision_interval),
            _number(point.recall),
            _interval(point.recall_interval),
            _number(point.f1),
            f"{point.false_alarms:.3f} per image",
            str(point.objects),
        ]
        for name, point in points.items()
    ]
    say(f"Thresholds for {goal}, at IoU 0.5")
    show_table(header, rows)
    if missed := [name for name, point in points.items() if not point.reached]:
        say(f"No threshold gives {goal} for {', '.join(missed)}: theirs are the nearest.")


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _interval(ends: "Interval") -> str:
    return "-" if math.isnan(ends.low) else f"{ends.low:.3f} to {ends.high:.3f}"
