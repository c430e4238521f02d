"""`detect track`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from detect.cli.interruption import Interrupted
from detect.cli.model_opening import BackEndName, ModelName, Trust, Weights, chosen_model
from detect.cli.option_groups import with_options
from detect.cli.predict import show_summary
from detect.cli.printing import progress_bar, say
from detect.inference.options import DetectionOptions, DrawingOptions, OutputOptions, ReadingOptions, ViewOptions
from detect.inference.track_options import CountingOptions, TrackingOptions


@with_options(TrackingOptions, CountingOptions, DetectionOptions, ViewOptions, ReadingOptions, DrawingOptions)
def track(
    model: ModelName,
    source: Annotated[
        list[str],
        typer.Argument(
            help="Videos, folders, globs, URLs, the number of a camera, or an RTSP address.", show_default=False
        ),
    ],
    weights: Weights = None,
    backend: BackEndName = "auto",
    trust: Trust = False,
    out: Annotated[
        Path, typer.Option(help="Folder for annotated copies, tracks and counts.", rich_help_panel=OutputOptions.title)
    ] = Path("tracks"),
    pictures: Annotated[bool, typer.Option(help="Write annotated copies.", rich_help_panel=OutputOptions.title)] = True,
    **options: Any,
) -> None:
    """Detect objects in videos, follow each of them from frame to frame, and count them."""
    from detect.inference.sources.finding import require_source

    for word in source:
        require_source(word)
    chosen = chosen_model(model, weights, backend)
    try:
        detector = chosen.load(trust)
        from detect.inference.track_run import track_to_folder

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
