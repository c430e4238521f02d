"""`detect weights list` and `detect weights import`."""

from pathlib import Path
from typing import Annotated

import typer

from detect.cli.printing import download_bar, say, show_table
from detect.cli.starting import start_tensorflow

app = typer.Typer(help="Published weights: what there is, and how to have it here.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List the published checkpoints: for which model, how good, under which licence, and whether they are here."""
    start_tensorflow()
    from detect.weights.download import cache_folder
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
    say("COCO AP is the publishers', in per cent, on the 2017 validation images.")
    say("Every name can be used where a trained model is expected, and is then downloaded, once:")
    say("  detect predict NAME PICTURES        detect train --data DATA --model MODEL --weights NAME")
    say(f"Files are kept in {cache_folder()}.")


@app.command("import")
def import_(
    name: Annotated[str, typer.Argument(help="Name of a checkpoint; `detect weights list` lists them.")],
    file: Annotated[
        Path | None,
        typer.Option(help="The publisher's file, where you have it already. With --out, any file of the same form."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the model. By default the cache folder, where NAME finds it.", show_default=False
        ),
    ] = None,
) -> None:
    """Make a model of a published checkpoint, to predict with, to score, and to go on training from."""
    start_tensorflow()
    from detect.models.card import load_card
    from detect.weights.importing import import_weights

    with download_bar(name) as progress:
        folder = import_weights(name, file, out, progress)
    card = load_card(folder)
    known_as = str(folder) if out else name
    say(f"Imported: {folder}", style="bold")
    say(f"  {card.model}, {len(card.classes)} classes, image size {card.image_size}, from {card.source}")
    if card.licence:
        say(f"  licence: {card.licence}")
    say(f"  detect predict {known_as} PICTURES_OR_VIDEO")
