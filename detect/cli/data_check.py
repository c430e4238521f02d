"""`detect data check`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from detect.cli.data_writing import Copies, show_written
from detect.cli.printing import progress_bar, say, show_table
from detect.cli.starting import start_tensorflow
from detect.data.tolerance import MAX_LOST
from detect.errors import BadInput
from detect.files import require_own
from detect.new_folder import require_new

if TYPE_CHECKING:
    from detect.data.dataset import Dataset
    from detect.data.doctor.dataset_check import Check, Finding, Subject
    from detect.data.doctor.dataset_tables import Table

EXAMPLES = 3  # of each finding

Source = Annotated[str, typer.Argument(metavar="DATA", help="Dataset, as for `detect train`.", show_default=False)]


class Plan(NamedTuple):
    """Checks and figures of a dataset, and the image size that they are for."""

    checks: "Sequence[Check]"
    image_size: int  # pixels
    further_tables: "Callable[[Dataset], list[Table]]" = lambda dataset: []  # behind those of every dataset


def check(
    data: Source,
    decode: Annotated[bool, typer.Option(help="Decode every image, to find damaged ones.")] = True,
    image_size: Annotated[
        int | None,
        typer.Option(
            min=32,
            help="Side of the images in training, pixels: boxes are tiny or not by it.",
            show_default="the model's, or 640",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Model that is to be trained: find the boxes that match none of its anchors or points."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Folder of a training run on this dataset: estimate how many images classes need."
        ),
    ] = None,
    max_lost: Annotated[
        float, typer.Option(min=0, max=1, help="Largest share of images or boxes that training may lose.")
    ] = MAX_LOST,
    html: Annotated[
        Path | None, typer.Option(help="Write figures and findings, with pictures, to this HTML file.")
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a corrected copy (COCO JSON) and a list of what was done to this folder, new or empty.",
        ),
    ] = None,
    copies: Copies = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
) -> None:
    """Show what a dataset contains, how its classes are mapped to labels, and what is wrong with it.

    The exit code is 1 where training would refuse the dataset, 2 where none can be read, and 0 otherwise.
    """
    from detect.data.doctor.dataset_tables import tables
    from detect.data.doctor.examination import examine, prepare, refuses
    from detect.data.doctor.summary import summary
    from detect.data.readers.description import open_dataset
    from detect.evaluation.images_needed import images_needed_check
    from detect.reports.data_report import write_data_report

    check_arguments(data, run, html, fix, decode)
    plan = plan_for(model, image_size)
    dataset = open_dataset(data)
    checks = (*plan.checks, images_needed_check(run, dataset)) if run is not None else plan.checks
    wanted = html is not None or not json  # JSON has no tables
    figures = [*tables(dataset), *plan.further_tables(dataset)] if wanted else []
    if json:
        subject = prepare(dataset, plan.image_size, max_lost, decode)
    else:
        show_figures(dataset, figures)
        with progress_bar("images") as progress:
            subject = prepare(dataset, plan.image_size, max_lost, decode, progress)
    findings = examine(subject, checks)
    if html is not None:  # first: the reader of the output may close the pipe
        write_data_report(html, subject.dataset, figures, findings)
    if json:
        print(summary(subject.dataset, findings))
    else:
        show_findings(findings)
        if html is not None:
            say(f"Written: {html}")
    if fix is not None:
        write_corrected_copy(subject, fix, copies, silent=json)
    raise typer.Exit(int(refuses(findings)))


def check_arguments(data: str, run: Path | None, html: Path | None, fix: Path | None, decode: bool) -> None:
    """Check, before the dataset is opened, that the run is finished and the outputs can be written."""
    from detect.evaluation.images_needed import require_finished
    from detect.reports.data_report import is_data_report

    if run is not None:
        require_finished(run)
    if html is not None:
        require_own(html, is_data_report, "a report of this command")
    if fix is not None:
        require_new(fix)
        if Path(data).resolve() in fix.resolve().parents:
            raise BadInput(f"{fix} is inside the dataset, which stays as it is. Give a folder elsewhere.")
        if not decode:
            raise BadInput("--fix has to look at the pixels of all images: leave out --no-decode.")


def write_corrected_copy(subject: "Subject", folder: Path, copies: bool, silent: bool) -> None:
    """Write a corrected copy of a dataset, and print what was done unless it is to be `silent`."""
    from detect.data.doctor.correcting import write_corrected

    if silent:
        write_corrected(subject, folder, copies)
        return
    with progress_bar("Writing images") as progress:
        written, done = write_corrected(subject, folder, copies, progress)
    say("")
    for split, problems in done.items():
        for line in problems.summary(examples=1):
            say(f"In {split}: {line}")
    show_written(written)


def plan_for(model: str | None, image_size: int | None) -> Plan:
    """Return what to look for, also for a model. Without `image_size`, it is that of the model."""
    from detect.data.doctor.dataset_check import IMAGE_SIZE
    from detect.data.doctor.examination import CHECKS
    from detect.models.image_sides import require_sides

    if model is None:
        return Plan(CHECKS, image_size or IMAGE_SIZE)
    if image_size is not None:
        require_sides(model, (image_size,))
    start_tensorflow()
    from detect.models import variant, without_weights
    from detect.models.matchable_boxes import matchable_check, size_table

    detector, side = without_weights(model, classes=1), image_size or variant(model).image_size
    check = matchable_check(model, detector)
    return Plan((*CHECKS, check), side, lambda dataset: [size_table(model, detector, dataset, side)])


def show_figures(dataset: "Dataset", figures: "list[Table]") -> None:
    """Print the figures of a dataset, and what was decided when it was read."""
    say(f"{dataset.source}: {dataset.format}, classes: {len(dataset.classes)}", style="bold")
    say("")
    for table in figures:
        show_table(table.columns, table.rows, table.title)
    for note in dataset.notes:
        say(f"Note: {note}")


def show_findings(findings: "list[Finding]") -> None:
    """Print findings, with their first examples, and how many there are of each severity."""
    from detect.data.doctor.dataset_check import Severity
    from detect.data.doctor.examination import refuses

    styles = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: ""}
    for finding in findings:
        say("")
        say(f"{finding.severity.value.capitalize()} in {finding} [{finding.code}]", style=styles[finding.severity])
        for example in finding.examples[:EXAMPLES]:
            say(f"  {example.where}")
    if not findings:
        say("No problems.", style="green")
        return
    say("")
    say(f"{counted(findings)}.{' Training would refuse this dataset.' if refuses(findings) else ''}", style="bold")


def counted(findings: "list[Finding]") -> str:
    """Return how many findings there are of each severity, in words."""
    from detect.data.doctor.dataset_check import Severity

    counts = {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}
    return ", ".join(f"{kind.value}s: {count}" for kind, count in counts.items() if count).capitalize()
