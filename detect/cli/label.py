"""`detect label`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from detect.cli.data_writing import Copies, To, show_written
from detect.cli.interruption import Interrupted
from detect.cli.model_opening import BackEndName, ModelName, Trust, Weights, chosen_model
from detect.cli.option_groups import with_options
from detect.cli.printing import progress_bar, say
from detect.inference.options import DetectionOptions, ViewOptions


@with_options(DetectionOptions, ViewOptions)
def label(
    model: ModelName,
    source: Annotated[list[str], typer.Argument(help="Images, folders and globs.", show_default=False)],
    to: To,
    out: Annotated[Path, typer.Option(help="Folder of the dataset, new or empty.")] = Path("labelled"),
    weights: Weights = None,
    backend: BackEndName = "auto",
    trust: Trust = False,
    copies: Copies = False,
    **options: Any,
) -> None:
    """Write images as a dataset whose boxes are the detections of a model, to be corrected."""
    from detect.data.curation.converting import require_target
    from detect.inference.sources.finding import require_source

    require_target(to, out)
    for word in source:
        require_source(word)
    chosen = chosen_model(model, weights, backend)
    try:
        detector = chosen.load(trust)
        from detect.inference import labelling

        with progress_bar("images") as progress:
            written = labelling.label(
                detector, source, to, out, copies=copies, note=_say_note, progress=progress, **options
            )
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted. Nothing was written to {out}.") from None
    show_written(written)


def _say_note(sentence: str) -> None:
    say(f"Note: {sentence}")
