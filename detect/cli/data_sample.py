"""`detect data sample`."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from detect.cli.data_check import Source
from detect.cli.data_writing import Copies, Folder, MaxLost, Seed, To, read_dataset, write_dataset
from detect.data.tolerance import MAX_LOST
from detect.errors import BadInput

if TYPE_CHECKING:
    from detect.data.dataset import Dataset


def sample(
    data: Source,
    folder: Folder,
    images: Annotated[str, typer.Option(help="How many images, of all splits together; or a share, such as 10%.")],
    to: To = "coco",
    seed: Seed = 0,
    copies: Copies = False,
    max_lost: MaxLost = MAX_LOST,
) -> None:
    """Write a part of a dataset that has its share of every class, and one image of each where there are enough."""
    from detect.data.curation.subset import sample as sampled

    dataset = read_dataset(data, to, folder)
    write_dataset(sampled(dataset, number_of(images, dataset), seed), to, folder, copies, max_lost)


def number_of(text: str, dataset: "Dataset") -> int:
    """Return how many images of a dataset a number or a percentage means; BadInput where it is neither."""
    match = re.fullmatch(r"(\d{1,12}|\d{1,3}(?:\.\d+)?%)", text.strip())
    number = float(text.strip().rstrip("%")) if match else 0.0
    if not number:
        raise BadInput(f"--images {text}: expected a number of images above 0, such as 500, or a share, such as 10%.")
    total = sum(map(len, dataset.splits.values()))
    return max(round(number / 100 * total), len(dataset.splits)) if "%" in text else int(number)
