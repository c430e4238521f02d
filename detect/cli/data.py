"""`detect data check` and `detect data show`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detect.cli.printing import say, show_table
from detect.cli.starting import start_tensorflow

if TYPE_CHECKING:
    from detect.data.dataset import Dataset
    from detect.data.records import Records
    from detect.inference.drawing import Picture

EXAMPLES = 3  # of each kind of problem

app = typer.Typer(help="Look at a dataset before training on it.", no_args_is_help=True)

Source = Annotated[str, typer.Argument(metavar="DATA", help="Dataset, as for `detect train`.", show_default=False)]


@app.command()
def check(
    data: Source,
    decode: Annotated[bool, typer.Option(help="Decode every image to find damaged ones.")] = True,
) -> None:
    """Show what a dataset contains, how its classes are mapped to labels, and what is wrong with it."""
    from detect.data.doctor import examine, tables
    from detect.data.readers.description import open_dataset

    dataset = open_dataset(data)
    say(f"{dataset.source}: {dataset.format}, classes: {len(dataset.classes)}\n", style="bold")
    classes = zip(dataset.classes, dataset.category_ids, strict=True)
    rows = [[name, str(label), str(category)] for label, (name, category) in enumerate(classes)]
    show_table(["class", "label", "category id"], rows, "Mapping")
    for table in tables(dataset):
        show_table(table.columns, table.rows, table.title)
    for note in dataset.notes:
        say(f"Note: {note}")
    clean = show_problems(dataset)
    for split, records in dataset.splits.items() if decode else ():
        clean &= show_undecodable(split, records)
    findings = examine(dataset)
    for finding in findings:
        say(f"Finding in {finding}")
    if clean and not findings:
        say("No problems.", style="green")


@app.command()
def show(
    data: Source,
    split: Annotated[str, typer.Option(help="Part of the dataset: train, val or test.")] = "train",
    count: Annotated[int, typer.Option(min=1, max=100, help="Number of images.")] = 16,
    augmented: Annotated[bool, typer.Option("--augmented", help="Augment the images as in training.")] = False,
    image_size: Annotated[int, typer.Option(min=32, help="Side of the augmented images, pixels.")] = 416,
    out: Annotated[Path, typer.Option(help="The picture to write.")] = Path("dataset.jpg"),
) -> None:
    """Write a picture of some images of a dataset with their boxes."""
    from detect.data.dataset import split as records_of
    from detect.data.readers.description import open_dataset
    from detect.inference.drawing import draw_grid
    from detect.inference.image_files import write_image

    dataset = open_dataset(data)
    records = records_of(dataset, split)
    pictures = augmented_pictures(records, count, image_size) if augmented else source_pictures(records, count)
    write_image(out, draw_grid(pictures, dataset.classes))
    say(f"Written: {out}, {len(pictures)} of {len(records)} images of {split!r}")


def show_problems(dataset: "Dataset") -> bool:
    """Print every kind of problem with its count and first examples, and whether training would refuse the split.

    Returns:
        Whether there are no problems.
    """
    from detect.data.dataset import check_losses
    from detect.errors import BadInput

    for name, problems in dataset.problems.items():
        for line in problems.summary(EXAMPLES):
            say(f"Problem in {name}: {line}", style="yellow")
        try:
            check_losses(dataset, name)
        except BadInput as error:
            say(f"Training on this would stop: {str(error).splitlines()[0]}", style="bold yellow")
    return not any(len(problems) for problems in dataset.problems.values())


def show_undecodable(split: str, records: "Records") -> bool:
    """Print how many images cannot be decoded, and why for the first of them; return whether all can be."""
    from detect.data.doctor import undecodable

    reasons = list(undecodable(records))
    if reasons:
        first = " | ".join(reasons[:EXAMPLES])
        say(f"Problem in {split}: {len(reasons)} images cannot be decoded: {first}", style="yellow")
    return not reasons


def source_pictures(records: "Records", count: int) -> list["Picture"]:
    """Return images as they are in their files, spread evenly over the records."""
    from detect.data.pixels.images import read_image
    from detect.inference.drawing import Picture

    step = max(1, len(records) / count)
    chosen = [records[int(position * step)] for position in range(min(count, len(records)))]
    return [
        Picture(read_image(record.image_path), record.boxes, record.labels, None, record.ignore, record.image_path.name)
        for record in chosen
    ]


def augmented_pictures(records: "Records", count: int, image_size: int) -> list["Picture"]:
    """Return the first samples of a training run."""
    start_tensorflow()
    from detect.data.pipeline import PipelineSettings, training_batches
    from detect.inference.drawing import Picture

    batches = training_batches(records, PipelineSettings(workers=1), sizes=(image_size,), batch_size=count, seed=0)
    images, targets, _ = next(iter(batches))
    rows = zip(images.numpy(), *(part.numpy() for part in targets), strict=True)
    return [Picture(image, boxes, labels, None, ignore) for image, boxes, labels, ignore in rows]
