"""`detect models`."""

from typing import Annotated

import typer

from detect.cli.printing import say, show_table
from detect.cli.starting import start_tensorflow

CLASSES = 80  # as in COCO, for which the authors publish their numbers


def models(
    name: Annotated[str | None, typer.Argument(help="Describe this model only.", show_default=False)] = None,
) -> None:
    """List the models with their sizes, published average precision, and whether there are trained weights."""
    from detect.models import require_known

    if name is not None:
        require_known(name)
    start_tensorflow()
    if name is None:
        show_models()
    else:
        show_model(name)


def show_models() -> None:
    """Print a table of all models, of which the default is marked."""
    from detect.models import names
    from detect.training.model_choice import DEFAULT_MODEL

    header = ["model", "million\nparameters", "image\nsize", "COCO\nAP", "ms per image\nhere (size)", "weights"]
    show_table(header, [[_marked(name, DEFAULT_MODEL), *_facts(name), _weights_of(name)] for name in names()])
    say("The default is what a CPU trains in a short time; docs/guides/training.md says which model is taken when.")
    say("COCO AP, in per cent on the 2017 validation images, is what the authors publish.")
    say("`detect benchmark RUN` measures the time per image of a model on this machine.")
    say("Weights that are not here are downloaded when they are first used; `detect weights list` shows their names.")
    say("`detect models NAME` shows the settings of a model.")


def _marked(name: str, default: str) -> str:
    return f"{name} (default)" if name == default else name


def _facts(name: str) -> tuple[str, str, str, str]:
    """Return parameters, image size, AP and time per image of a model."""
    from detect.models import variant
    from detect.models.speeds import measured

    row, speed = variant(name), measured().get(name)
    time = f"{speed.milliseconds:.0f} ({speed.side})" if speed else "-"
    return _number(row.parameters or row.counted, 2), str(row.image_size), _number(row.published_ap, 1), time


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _weights_of(model: str) -> str:
    """Return whether trained weights of a model are published, and on this machine."""
    from detect.weights.importing import checkpoint_of, is_here

    checkpoint = checkpoint_of(model)
    if checkpoint is None:
        return "-"
    return "here" if is_here(checkpoint) else "published"


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
