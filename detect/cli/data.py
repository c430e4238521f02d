"""`detect data`: its commands, of which `show` is here."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detect.cli.data_check import Source, check
from detect.cli.data_convert import convert
from detect.cli.data_merge import merge
from detect.cli.data_sample import sample
from detect.cli.data_split import split
from detect.cli.printing import say
from detect.cli.starting import start_tensorflow

if TYPE_CHECKING:
    from detect.data.records import Records
    from detect.inference.drawing import Picture

app = typer.Typer(help="Look at a dataset before training on it, and write it in other forms.", no_args_is_help=True)
app.command(epilog="Example: detect data check plates.yaml --html check.html")(check)
app.command(epilog="Example: detect data convert plates.yaml plates-yolo --to yolo")(convert)
app.command(epilog="Example: detect data split plates.json plates-split --test 0.1")(split)
app.command(epilog="Example: detect data merge plates.yaml more.json all-plates --map licence=plate")(merge)
app.command(epilog="Example: detect data sample plates.yaml few-plates --images 10%")(sample)


@app.command(epilog="Example: detect data show plates.yaml --augmented")
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
    rows = zip(images.numpy(), *(part.numpy() for part in targets.truth), strict=True)
    return [Picture(image, boxes, labels, None, ignore) for image, boxes, labels, ignore in rows]
