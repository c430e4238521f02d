"""`detect weights list` and `detect weights import`."""

from pathlib import Path
from typing import Annotated

import typer

from detect.cli.printing import download_bar, say, show_table
from detect.cli.starting import start_tensorflow
from detect.errors import counted

app = typer.Typer(help="List and import published weights.", no_args_is_help=True)


@app.command("list", epilog="Example: detect weights list")
def list_() -> None:
    """List the published checkpoints with their models, scores and licences, and whether they are on this machine."""
    start_tensorflow()
    from detect.machine import cache_folder
    from detect.weights.importing import checkpoints, is_here

    rows = [
        [
            row.name,
            row.model,
            f"{row.published_ap:.1f}",
            str(row.image_size),
            row.licence,
            "yes" if is_here(row) else "no",
        ]
        for row in checkpoints().values()
    ]
    show_table(["name", "model", "COCO AP", "image size", "licence", "on this machine"], rows)
    say("COCO AP is the published value, in per cent, on the 2017 validation images.")
    say("A name can be used wherever a trained model is expected. It is downloaded the first time:")
    say("  detect predict NAME IMAGES        detect train --data DATA --weights NAME")
    say(f"Files are kept in {cache_folder()}.")


@app.command("import", epilog="Example: detect weights import yolox-s-coco --file yolox_s.pth")
def import_(
    name: Annotated[str, typer.Argument(help="Name of a checkpoint; `detect weights list` lists them.")],
    file: Annotated[
        Path | None,
        typer.Option(help="The publisher's file, if you already have it. With --out, any file with the same tensors."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the model.", show_default="the cache folder, where NAME finds it"),
    ] = None,
) -> None:
    """Import a published checkpoint as a model, to predict with, to score, or to continue training from."""
    start_tensorflow()
    from detect.models.card import load_card
    from detect.weights.importing import import_weights

    with download_bar(name) as progress:
        folder = import_weights(name, file, out, progress)
    card = load_card(folder)
    known_as = str(folder) if out else name
    say(f"Imported: {folder}", style="bold")
    classes = counted(len(card.classes), "class", "classes")
    say(f"  {card.model}, {classes}, image size {card.image_size}, from {card.source}")
    if card.licence:
        say(f"  licence: {card.licence}")
    say(f"  detect predict {known_as} IMAGES_OR_VIDEOS")
