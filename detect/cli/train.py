"""`detect train`."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from detect.cli.interruption import EXIT_CODE, Interrupted
from detect.cli.printing import progress_bar, say
from detect.cli.scores import show_kept, show_runs, show_scores
from detect.cli.starting import start_tensorflow

if TYPE_CHECKING:
    from detect.data.dataset import Dataset
    from detect.training.reporting.ending import Ending
    from detect.training.settings import TrainingSettings
    from detect.training.several_runs import SeveralRuns

# groups of options
WHAT, LENGTH, SIZES = "What to train", "How long (one of these)", "Sizes"
SEVERAL, RUN = "Several runs as one (one of these)", "The run"


def model_names() -> list[str]:
    """Return the names of all models, for completion in the shell."""
    from detect.models import names

    return names()


def train(
    data: Annotated[
        str,
        typer.Option(
            help="File or folder of a dataset, in any of the formats that docs/datasets.md lists.",
            rich_help_panel=WHAT,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="Name of a model; `detect models` lists them. One of your own is path/to/file.py:Class.",
            show_default="that of the weights, or one that suits machine and time",
            rich_help_panel=WHAT,
            autocompletion=model_names,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Initial weights: auto, imagenet, none, a run or model folder, a published checkpoint, or its file.",
            show_default="auto",
            rich_help_panel=WHAT,
        ),
    ] = None,
    keep_classes: Annotated[
        bool,
        typer.Option(
            "--keep-classes",
            help="Add the classes of the dataset to those of the run or model folder in --weights, which annotates its "
            "own classes in the new images.",
            rich_help_panel=WHAT,
        ),
    ] = False,
    epochs: Annotated[
        float | None,
        typer.Option(
            help="Passes over the training images.", show_default="100; more for few images", rich_help_panel=LENGTH
        ),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            help="Time for the whole run, such as 90s, 30m or 1.5h; instead of --epochs.",
            show_default="no limit",
            rich_help_panel=LENGTH,
        ),
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(help="Side of the square images, pixels.", show_default="the model's own", rich_help_panel=SIZES),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            help="Side of the tiles that large images are cut into, pixels of the image.",
            show_default="whole images",
            rich_help_panel=SIZES,
        ),
    ] = None,
    tile_overlap: Annotated[
        float | None,
        typer.Option(
            help="Least share of its side that a tile has in common with the next one, 0 to 0.9.",
            show_default="0.2",
            rich_help_panel=SIZES,
        ),
    ] = None,
    batch_size: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|auto",
            help="Images per step and device, or auto: as many as suit machine and dataset.",
            show_default="16",
            rich_help_panel=SIZES,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Runs with other seeds, for mean and spread of their scores.",
            show_default="one run",
            rich_help_panel=SEVERAL,
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            help="Cross-validation: parts of the images that are held out in turn, for scores on all of them.",
            show_default="the splits of the dataset",
            rich_help_panel=SEVERAL,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the run folder under runs/.",
            show_default="that of the model, with a number if it is taken",
            rich_help_panel=RUN,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.", rich_help_panel=RUN)] = False,
    licence_policy: Annotated[
        str | None,
        typer.Option(
            metavar="any|permissive",
            help="Refuse a dataset or initial weights whose licence is unknown or not permissive.",
            show_default="any",
            rich_help_panel=RUN,
        ),
    ] = None,
    set: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Any other setting, such as optimizer.learning_rate=0.01; repeatable.",
            rich_help_panel=RUN,
        ),
    ] = None,
) -> None:
    """Train a detector on a dataset.

    The run folder under runs/ holds the best and the last model, the scores and a report.
    """
    from detect.training.start.early_checks import open_requested
    from detect.training.start.resolution import given_options, given_settings, resolve_settings

    started = time.monotonic()  # TensorFlow, which is imported below, takes its share of --max-time
    options = given_options(
        data=data,
        model=model,
        epochs=epochs,
        max_time=max_time,
        image_size=image_size,
        tile=tile,
        tile_overlap=tile_overlap,
        batch_size=batch_size,
        folds=folds,
        weights=weights,
        keep_classes=keep_classes or None,
        name=name,
        licence_policy=licence_policy,
    )
    settings = given_settings(options, set or [])
    dataset = open_requested(settings, resume)
    several = planned(settings, seeds, dataset, resume)
    start_tensorflow()
    settings = resolve_settings(options, set or [])
    try:
        if several is None or dataset is None:
            train_one(settings, resume, dataset, started)
        else:
            train_all(settings, several, dataset)
    except KeyboardInterrupt as interrupt:
        said = "Interrupted. The same command with --resume continues from the last checkpoint in the run folder."
        raise Interrupted(str(interrupt) or said, getattr(interrupt, "exit_code", EXIT_CODE)) from None


def planned(
    settings: "TrainingSettings", seeds: int | None, dataset: "Dataset | None", resume: bool
) -> "SeveralRuns | None":
    """Return the runs that are wanted, see `plan_runs`; a bar shows how images are compared, where they are."""
    from detect.training.several_runs import plan_runs

    if not settings.is_several_runs:
        return plan_runs(settings, seeds, dataset, resume)
    with progress_bar("Comparing images") as progress:
        return plan_runs(settings, seeds, dataset, resume, progress)


def train_one(settings: "TrainingSettings", resume: bool, dataset: "Dataset | None", started: float) -> None:
    """Train a run and print its scores; of several workers, the chief prints them.

    The time limit of the run counts from `started`, a reading of the monotonic clock.
    """
    from detect.evaluation.kept_scores import kept_classes
    from detect.training.training_run import run as train_on
    from detect.training.workers.cluster import read_cluster

    run = train_on(settings, resume, dataset, started=started)
    if not read_cluster().is_chief:
        return
    if run.scores:
        show_scores(run.scores)
    show_kept(kept_classes(run.folder))
    show_end(run.ending)


def train_all(settings: "TrainingSettings", several: "SeveralRuns", dataset: "Dataset") -> None:
    """Train several runs, and print the scores of each and of all together."""
    from detect.training.several_trained import describe, next_command, run_all

    trained = run_all(settings, several, dataset, say)
    show_runs(trained.summary)
    if trained.pooled:
        say("All images, each with the model that has not learnt from it:", style="bold")
        show_scores(trained.pooled)
        say(f"Report: {trained.folder / 'report.html'}")
    say(describe(trained))
    say(f"Scores: {trained.folder / 'summary.json'}", style="bold")
    say(f"Next: {next_command(trained)}")


def show_end(ending: "Ending") -> None:
    """Print what the run did, where its results are, and how to go on."""
    from detect.training.reporting.ending import advice, next_commands, summary

    say(summary(ending))
    if problem := advice(ending):
        say(problem, style="bold yellow")
    say(f"Run folder: {ending.folder}", style="bold")
    say(f"Report: {ending.folder / 'report.html'}")
    say("Next:")
    for command in next_commands(ending):
        say(f"  {command}")
