"""`detect data merge`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from detect.cli.data_writing import Copies, Folder, MaxLost, To, read_dataset, show_notes, write_dataset
from detect.data.tolerance import MAX_LOST
from detect.errors import BadInput


def merge(
    data: Annotated[list[str], typer.Argument(metavar="DATA", help="Datasets, as for `detect train`.")],
    folder: Folder,
    map: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NEW", help="Rename a class; OLD= leaves it out with its boxes. Repeatable."),
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="The classes of all datasets were looked for in each of them.")
    ] = False,
    to: To = "coco",
    copies: Copies = False,
    max_lost: MaxLost = MAX_LOST,
) -> None:
    """Merge datasets and write the result: classes of one name are one, and images are merged split by split.

    In the images of a dataset, only its own classes were looked for, unless --complete says otherwise: the others are
    neither objects nor background there. With a single dataset, it renames classes or leaves them out.
    """
    from detect.data.curation.converting import require_usable
    from detect.data.merging import merge as merged

    datasets = [read_dataset(source, to, folder) for source in data]
    for dataset in datasets:
        require_usable(dataset, max_lost)
    whole = merged(datasets, renames(map or ()), complete)
    show_notes(whole.notes)
    write_dataset(whole, to, folder, copies, max_lost)


def renames(pairs: Sequence[str]) -> dict[str, str]:
    """Return new names by old names; BadInput where a pair is not OLD=NEW."""
    new: dict[str, str] = {}
    for pair in pairs:
        old, sign, name = pair.partition("=")
        if not sign or not old:
            raise BadInput(f"--map {pair}: expected OLD=NEW, or OLD= to leave a class out.")
        if new.setdefault(old, name) != name:
            raise BadInput(f"--map gives {old!r} two names, {new[old]!r} and {name!r}. Give one.")
    return new
