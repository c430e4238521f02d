"""Scores as tables."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from detect.cli.printing import say, show_table

if TYPE_CHECKING:
    from detect.evaluation.coco_scores import Scores
    from detect.evaluation.kept_scores import KeptClass
    from detect.training.several_runs import Summary

CLASS_COLUMNS = ("AP", "AP50", "AP75", "AR100")


def show_scores(scores: "Scores") -> None:
    """Print the twelve numbers of COCO, the scores per class if there are several, and what to know about them."""
    from detect.evaluation.coco_scores import METRICS

    for note in scores.notes:
        say(f"Note: {note}")
    for metrics in (METRICS[:6], METRICS[6:]):
        show_table(metrics, [[_number(getattr(scores, name)) for name in metrics]])
    if len(scores.per_class) > 1:
        rows = [
            [name, *(_number(row[column]) for column in CLASS_COLUMNS), str(row["images"]), str(row["boxes"])]
            for name, row in scores.per_class.items()
        ]
        show_table(["class", *CLASS_COLUMNS, "images", "boxes"], rows)
    if scores.certainty:
        say(f"Note: {scores.certainty}")


def show_runs(summary: "Summary") -> None:
    """Print the scores of each of several runs, their means and their standard deviations."""
    from detect.training.reporting.display import clock

    rows = [
        [run.name, *(_number(run.scores.get(name)) for name in CLASS_COLUMNS), clock(run.seconds)]
        for run in summary.runs
    ]
    for label, values in (("mean", summary.mean), ("standard deviation", summary.deviation)):
        rows.append([label, *(_number(values.get(name)) for name in CLASS_COLUMNS), ""])
    show_table(["run", *CLASS_COLUMNS, "time"], rows)


def show_kept(kept: Sequence["KeptClass"]) -> None:
    """Print the AP of kept classes before and after a run, and which lost too much; nothing where there are none."""
    from detect.evaluation.kept_scores import verdict

    if not kept:
        return
    rows = [[each.name, *map(_number, each[1:3]), _number(each.change)] for each in kept]
    show_table(["kept class", "AP before", "after", "change"], rows)
    say(verdict(kept), style="bold yellow" if any(each.exceeds for each in kept) else "")


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.4f}"
