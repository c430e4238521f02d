"""`detect data split`."""

from typing import Annotated

import typer

from detect.cli.data_check import Source
from detect.cli.data_writing import Copies, Folder, MaxLost, Seed, To, read_dataset, show_notes, write_dataset
from detect.cli.printing import progress_bar
from detect.data.tolerance import MAX_LOST


def split(
    data: Source,
    folder: Folder,
    to: To = "coco",
    val: Annotated[float, typer.Option(min=0, max=1, help="Share of the images for validation.")] = 0.2,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share of the images for a test; 0: no such split.")] = 0.0,
    group_by: Annotated[
        str, typer.Option(help="Keep images together by name: video, folder, or a regular expression.")
    ] = "",
    near_duplicates: Annotated[
        bool, typer.Option(help="Keep copies, versions and neighbouring frames together.")
    ] = True,
    seed: Seed = 0,
    copies: Copies = False,
    max_lost: MaxLost = MAX_LOST,
) -> None:
    """Divide a dataset anew, so that each split has its share of every class, and write it.

    Images that show nearly the same stay in one split: scores on what is nearly known look better than they are.
    """
    from detect.data.curation.dividing import divide

    dataset = read_dataset(data, to, folder)
    shares = {name: share for name, share in {"val": val, "test": test}.items() if share}
    with progress_bar("Comparing images") as show:
        divided = divide(dataset, shares, seed, group_by, near_duplicates, show)
    show_notes(divided.notes[len(dataset.notes) :])
    write_dataset(divided, to, folder, copies, max_lost)
