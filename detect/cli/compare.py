"""`detect compare`."""

import json as json_format
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detect.cli import output_file
from detect.cli.evaluation_report import images_of_data
from detect.cli.printing import progress_bar, say, show_table
from detect.cli.starting import start_tensorflow

if TYPE_CHECKING:
    from detect.evaluation.coco_scores import Scores
    from detect.evaluation.comparing import Contender, Difference
    from detect.training.compared_runs import Group

MOST_SHOWN = 10  # classes


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Runs, folders of several runs, models, or COCO results files (.json), two or more. The others are "
            "compared with the first one.",
            show_default=False,
        ),
    ],
    data: Annotated[
        str | None, typer.Option(help="Dataset to compare them on, as for `detect train`.", show_default="the runs'")
    ] = None,
    split: Annotated[str, typer.Option(help="Part of the dataset: train, val or test.")] = "val",
    html: Annotated[Path | None, typer.Option(help="Write a page with the images that changed most.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write all numbers to this JSON file.")] = None,
) -> None:
    """Tell which of several models is better, and whether that may be luck.

    All are scored on the same images. Runs that differ in their seed only are one model.
    """
    from detect.data.readers.description import require_present
    from detect.evaluation.comparing import Contender, compare
    from detect.reports.comparison_page import is_comparison, write_comparison
    from detect.training.compared_runs import data_of, differing_settings, groups

    found = groups(runs)
    data = data or data_of(found)
    require_present(data)
    output_file.announce(html, is_comparison, "a page of this command")
    output_file.announce(json, lambda text: '"contenders"' in text, "a comparison")
    contenders = [Contender(group.name, list(_scored(group, data, split))) for group in found]
    differences = compare(contenders)
    settings = differing_settings(found)
    if json is not None:
        _save(json, contenders, differences)
    if html is not None:
        images = images_of_data(data, split, contenders[0].scores[0].compared.truth)
        write_comparison(html, contenders, differences, images, settings, data)
    show_comparison(contenders, differences, settings)
    for path in filter(None, (json, html)):
        say(f"Written: {path}")


def show_comparison(
    contenders: "Sequence[Contender]", differences: "Sequence[Difference]", settings: Sequence[tuple[str, list[str]]]
) -> None:
    """Print scores, differences and verdicts, the classes that differ most, and the settings that differ."""
    first = contenders[0]
    rows = [[first.name, str(len(first.scores)), *_scores(first), "", "", ""]]
    for contender, each in zip(contenders[1:], differences, strict=True):
        change = [f"{each.whole.change:+.4f}", _interval(each.whole.interval), each.verdict]
        rows.append([contender.name, str(len(contender.scores)), *_scores(contender), *change])
    show_table(["model", "runs", "AP", "AP50", "difference of AP", "95 % interval", "verdict"], rows)
    for each in differences:
        changed = [(name, one) for name, one in each.per_class.items() if abs(one.change) > 0]
        changed = sorted(changed, key=lambda item: -abs(item[1].change))[:MOST_SHOWN]
        if len(each.per_class) > 1 and changed:
            say(f"Classes in which {each.name} differs most")
            lines = [[name, f"{one.AP:.4f}", f"{one.change:+.4f}", _interval(one.interval)] for name, one in changed]
            show_table(["class", "AP", "difference", "95 % interval"], lines)
    if settings:
        say("Settings that differ")
        show_table(["setting", *(each.name for each in contenders)], [[key, *row] for key, row in settings])


def _scored(group: "Group", data: str, split: str) -> "Iterator[Scores]":
    """Yield the scores of each member of a group."""
    if group.is_file:
        from detect.evaluation.results_file import evaluate_predictions

        yield from (evaluate_predictions(name, data, split) for name in group.members)
        return
    start_tensorflow()
    import detect

    for name in group.members:
        with progress_bar(name) as progress:
            yield detect.evaluate(name, data, split, progress=progress)


def _save(path: Path, contenders: "Sequence[Contender]", differences: "Sequence[Difference]") -> None:
    from detect.files import write_text

    first = {"name": contenders[0].name, "AP": contenders[0].mean("AP"), "runs": len(contenders[0].scores)}
    others: list[dict[str, Any]] = [
        {
            "name": each.name,
            "AP": each.whole.AP,
            "runs": len(contender.scores),
            "difference": each.whole.change,
            "interval": list(each.whole.interval),
            "verdict": each.verdict,
        }
        for contender, each in zip(contenders[1:], differences, strict=True)
    ]
    write_text(path, json_format.dumps({"contenders": [first, *others]}, indent=2, ensure_ascii=False) + "\n")


def _scores(contender: "Contender") -> list[str]:
    return [f"{contender.mean(metric):.4f}" for metric in ("AP", "AP50")]


def _interval(ends: tuple[float, float]) -> str:
    return f"{ends[0]:+.4f} to {ends[1]:+.4f}" if ends[0] == ends[0] else "too few images"
