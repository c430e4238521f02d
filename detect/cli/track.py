"""`detect track`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from detect.cli.interruption import Interrupted
from detect.cli.library_log import hide_library_log
from detect.cli.option_groups import with_options
from detect.cli.predict import show_summary
from detect.cli.printing import download_bar, progress_bar, say
from detect.cli.starting import start_tensorflow
from detect.formats import names as format_names
from detect.inference.options import DetectionOptions, DrawingOptions, OutputOptions, ReadingOptions, ViewOptions
from detect.inference.track_options import CountingOptions, TrackingOptions


@with_options(TrackingOptions, CountingOptions, DetectionOptions, ViewOptions, ReadingOptions, DrawingOptions)
def track(
    model: Annotated[
        str,
        typer.Argument(
            help="Run folder, model folder, exported model or published checkpoint; with --weights, a model's name.",
            show_default=False,
        ),
    ],
    source: Annotated[
        list[str],
        typer.Argument(
            help="Videos, folders, globs, URLs, the number of a camera, or an RTSP address.", show_default=False
        ),
    ],
    weights: Annotated[
        str | None,
        typer.Option(help="Weights of the named model: a run or model folder, a published checkpoint, or its file."),
    ] = None,
    backend: Annotated[
        str,
        typer.Option(
            help=f"What runs the model: auto (its fastest export), tensorflow, {', '.join(format_names())}.",
            rich_help_panel=DetectionOptions.title,
        ),
    ] = "auto",
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Run an exported model that is a program (a SavedModel) and was made elsewhere.",
            rich_help_panel=DetectionOptions.title,
        ),
    ] = False,
    out: Annotated[
        Path, typer.Option(help="Folder for annotated copies, tracks and counts.", rich_help_panel=OutputOptions.title)
    ] = Path("tracks"),
    pictures: Annotated[bool, typer.Option(help="Write annotated copies.", rich_help_panel=OutputOptions.title)] = True,
    **options: Any,
) -> None:
    """Detect objects in videos, follow each of them from frame to frame, and count them."""
    from detect.inference.exports import find_artefact
    from detect.inference.sources.finding import require_source
    from detect.models.places import require_place

    named: tuple[str | Path, str | Path | None] = (model, weights)
    artefact = find_artefact(model, backend, weights)
    for word in source:
        require_source(word)
    if artefact is None:
        require_place(weights or model, is_file_allowed=weights is not None)
        start_tensorflow()
    else:
        hide_library_log()
        say(f"Running the export in {artefact}.")
        named = (model, artefact) if weights else (artefact, None)
    from detect.inference.loading import load
    from detect.inference.track_run import track_to_folder

    try:
        with download_bar(weights or model) as progress:
            detector = load(*named, progress, trust=trust)
        with progress_bar("frames") as progress:
            summary = track_to_folder(
                detector,
                source,
                out,
                pictures=pictures,
                progress=lambda state: progress(state.done, state.total, f"{state.rate:.1f}/s"),
                tell=say,
                **options,
            )
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted. What was finished is in {out}.") from None
    show_summary(summary, out)
