"""`detect models`."""

from typing import Annotated

import typer

from detect.cli.printing import say, show_table
from detect.cli.starting import start_tensorflow

CLASSES = 80  # as in COCO, for which the authors publish their numbers


def models(
    name: Annotated[str | None, typer.Argument(help="Describe this model only.", show_default=False)] = None,
) -> None:
    """List the models with their image sizes and published average precision."""
    start_tensorflow()
    from detect.models import names, variant

    if name is not None:
        show_model(name)
        return
    rows = []
    for known in names():
        row = variant(known)
        rows.append([known, str(row.image_size), "-" if row.published_ap is None else f"{row.published_ap:.1f}"])
    show_table(["model", "image size", "COCO AP"], rows)
    say("COCO AP is the published value, in per cent, on the 2017 validation images; - if there is none.")
    say("`detect models NAME` shows the number of parameters and the settings of a model.")


def show_model(name: str) -> None:
    """Print the size, the settings and the authors' recipe of a model."""
    from detect.models import create, variant

    row = variant(name)
    parameters = create(name, CLASSES).count_params()
    say(f"{name}: {parameters / 1e6:.2f} million parameters with {CLASSES} classes", style="bold")
    say(f"Image size {row.image_size}, COCO AP {row.published_ap or '-'}")
    show_table(["setting", "value"], _rows(row.config.model_dump()))
    say("Change them with --set 'architecture={key: value}'.")
    say("")
    show_table(["authors' recipe", "value"], _rows(row.recipe))
    say("Train with it: --set recipe=paper.")


def _rows(settings) -> list[list[str]]:
    return [[key, str(value)] for key, value in settings.items()]
