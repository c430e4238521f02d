"""The options of the commands that write datasets, and their output."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detect.cli.printing import progress_bar, say
from detect.errors import counted

if TYPE_CHECKING:
    from detect.data.curation.converting import Written
    from detect.data.dataset import Dataset

EXAMPLES = 3  # of each kind of problem

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write, new or empty.", show_default=False)]
To = Annotated[str, typer.Option(help="Format to write: coco, csv, tfrecord, voc or yolo.")]
Copies = Annotated[bool, typer.Option("--copy", help="Copy images. Default: hard links, which take no space.")]
MaxLost = Annotated[float, typer.Option(min=0, max=1, help="Share of images or boxes that may be unusable.")]
Seed = Annotated[int, typer.Option(help="Decides what is drawn at random.")]


def read_dataset(data: str, to: str, folder: Path) -> "Dataset":
    """Open a dataset to be written, and print what was decided and what is wrong.

    Args:
        data: the dataset.
        to: the format to write, which is checked first: reading and comparing images may take long.
        folder: where to write it, which is checked, too.
    """
    from detect.data.curation.converting import require_target
    from detect.data.readers.description import open_dataset

    require_target(to, folder)
    dataset = open_dataset(data)
    for note in dataset.notes:
        say(f"Note on {dataset.source}: {note}")
    for name, problems in dataset.problems.items():
        for line in problems.summary(EXAMPLES):
            say(f"Problem in {dataset.source}, {name}: {line}", style="yellow")
    return dataset


def show_notes(notes: Sequence[str]) -> None:
    """Print what was decided."""
    for note in notes:
        say(f"Note: {note}")


def write_dataset(dataset: "Dataset", to: str, folder: Path, copies: bool, max_lost: float) -> None:
    """Write a dataset and print what was written, and what was lost on the way."""
    from detect.data.curation.converting import convert

    with progress_bar("Writing images") as show:
        written = convert(dataset, to, folder, copies, max_lost, show)
    show_written(written)


def show_written(written: "Written") -> None:
    """Print what was written, and what was lost on the way."""
    show_notes(written.notes)
    for loss in written.losses:
        say(f"{written.format} cannot hold {loss}", style="yellow")
    say(f"Written: {written.folder}, {written.format}", style="bold")
    for split, (images, boxes) in written.splits.items():
        say(f"  {split}: {counted(images, 'image', 'images')}, {counted(boxes, 'box', 'boxes')}")
