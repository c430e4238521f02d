"""The model of a command that detects: its options, the early checks, and loading it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from detect.cli.library_log import hide_library_log
from detect.cli.printing import download_bar, say
from detect.cli.starting import start_tensorflow
from detect.formats import names as format_names
from detect.inference.options import DetectionOptions

if TYPE_CHECKING:
    from detect.inference.predictor import Model

ModelName = Annotated[
    str,
    typer.Argument(
        help="Run folder, model folder, exported model or published checkpoint; with --weights, a model's name.",
        show_default=False,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(help="Weights of the named model: a run or model folder, a published checkpoint, or its file."),
]
BackEndName = Annotated[
    str,
    typer.Option(
        help=f"What runs the model: auto (its fastest export), tensorflow, {', '.join(format_names())}.",
        rich_help_panel=DetectionOptions.title,
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Run an exported model that is a program (a SavedModel) and was made elsewhere.",
        rich_help_panel=DetectionOptions.title,
    ),
]


class ChosenModel(NamedTuple):
    """A model that is there, and has not been loaded."""

    model: str
    weights: str | None
    artefact: Path | None  # the export that runs it; None: TensorFlow does

    def load(self, trust: bool) -> "Model":
        """Start what runs the model, and load it. `trust`: an export may be a program that was made elsewhere."""
        named: tuple[str | Path, str | Path | None] = (self.model, self.weights)
        if self.artefact is None:
            start_tensorflow()
        else:
            hide_library_log()
            say(f"Running the export in {self.artefact}.")
            named = (self.model, self.artefact) if self.weights else (self.artefact, None)
        from detect.inference.loading import load

        with download_bar(self.weights or self.model) as progress:
            return load(*named, progress, trust=trust)


def chosen_model(model: str, weights: str | None, backend: str) -> ChosenModel:
    """Return the model that a command names; `BadInput` where it is not there. TensorFlow is not needed for that."""
    from detect.inference.exports import find_artefact
    from detect.models.places import require_place

    artefact = find_artefact(model, backend, weights)
    if artefact is None:
        require_place(weights or model, is_file_allowed=weights is not None)
    return ChosenModel(model, weights, artefact)
