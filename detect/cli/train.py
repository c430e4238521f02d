"""`detect train`."""

from typing import TYPE_CHECKING, Annotated

import typer

from detect.cli.interruption import Interrupted
from detect.cli.printing import say
from detect.cli.scores import show_scores
from detect.cli.starting import start_tensorflow

if TYPE_CHECKING:
    from detect.training.ending import Ending

WHAT, LENGTH, SIZES, RUN = "What to train", "How long (one of these)", "Sizes", "The run"  # groups of options


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
    batch_size: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|auto",
            help="Images per step and device, or auto: as many as suit machine and dataset.",
            show_default="16",
            rich_help_panel=SIZES,
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
    from detect.training.early_checks import open_requested
    from detect.training.resolution import given_options, resolve_settings

    options = given_options(
        data=data,
        model=model,
        epochs=epochs,
        max_time=max_time,
        image_size=image_size,
        batch_size=batch_size,
        weights=weights,
        name=name,
        licence_policy=licence_policy,
    )
    dataset = open_requested(options, set or [], resume)
    start_tensorflow()
    from detect.training.training_run import run as train_on

    try:
        run = train_on(resolve_settings(options, set or []), resume, dataset)
    except KeyboardInterrupt:
        raise Interrupted(
            "Interrupted. The same command with --resume continues from the last checkpoint in the run folder."
        ) from None
    if run.scores:
        show_scores(run.scores)
    show_end(run.ending)


def show_end(ending: "Ending") -> None:
    """Print what the run did, where its results are, and how to go on."""
    from detect.training.ending import advice, next_commands, summary

    say(summary(ending))
    if problem := advice(ending):
        say(problem, style="bold yellow")
    say(f"Run folder: {ending.folder}", style="bold")
    say(f"Report: {ending.folder / 'report.html'}")
    say("Next:")
    for command in next_commands(ending):
        say(f"  {command}")
