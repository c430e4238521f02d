"""`detect predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detect.cli.interruption import Interrupted
from detect.cli.model_opening import BackEndName, ModelName, Trust, Weights, chosen_model
from detect.cli.option_groups import with_options
from detect.cli.printing import progress_bar, say
from detect.errors import BadInput
from detect.inference.options import DetectionOptions, DrawingOptions, OutputOptions, ReadingOptions, ViewOptions

if TYPE_CHECKING:
    from detect.inference.prediction_run import Summary

MOST_NAMED = 10  # skipped files, and written images, up to which each is listed
PICTURES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


@with_options(DetectionOptions, ViewOptions, ReadingOptions, DrawingOptions, OutputOptions)
def predict(
    model: ModelName,
    source: Annotated[
        list[str] | None,
        typer.Argument(
            help="Images, folders, globs, videos, URLs, the number of a camera, or an RTSP address; with --data, by "
            "default all images of the split.",
            show_default=False,
        ),
    ] = None,
    weights: Weights = None,
    data: Annotated[
        str | None,
        typer.Option(help="Dataset of the images, as for `detect train`: --save-json then has its ids."),
    ] = None,
    split: Annotated[str, typer.Option(help="Part of the dataset: train, val or test.")] = "val",
    backend: BackEndName = "auto",
    trust: Trust = False,
    out: Annotated[
        Path,
        typer.Option(help="Folder for annotated copies of images and videos.", rich_help_panel=OutputOptions.title),
    ] = Path("predictions"),
    **options: Any,
) -> None:
    """Detect objects in images and videos."""
    from detect.data.readers.description import open_with_split, require_present
    from detect.inference.sources.finding import require_source

    if source is None and data is None:
        raise BadInput("No source was given. Expected images, videos, folders, globs, URLs or the index of a camera.")
    if data is not None:
        require_present(data)
    for word in source or ():
        require_source(word)
    chosen = chosen_model(model, weights, backend)
    dataset = None if data is None else open_with_split(data, split)
    try:
        detector = chosen.load(trust)
        from detect.inference.prediction_run import predict_to_folder

        with progress_bar("frames") as progress:
            summary = predict_to_folder(
                detector,
                source,
                out,
                data=dataset,
                split=split,
                progress=lambda state: progress(state.done, state.total, f"{state.rate:.1f}/s"),
                tell=say,
                **options,
            )
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted. What was finished is in {out}.") from None
    show_summary(summary, out)


def show_summary(summary: "Summary", out: Path) -> None:
    """Print what was processed, found, skipped and written."""
    for sentence in summary.skipped[:MOST_NAMED]:
        say(f"Skipped: {sentence}")
    if len(summary.skipped) > MOST_NAMED:
        say(f"Skipped {len(summary.skipped) - MOST_NAMED} more.")
    for sentence in summary.notes[:MOST_NAMED]:
        say(f"Note: {sentence}")
    if len(summary.notes) > MOST_NAMED:
        say(f"{len(summary.notes) - MOST_NAMED} more notes.")
    if summary.interrupted:
        say("Stopped. What was written is complete, and videos can be played.")
    processed = [_count(summary.images, "image"), _count(summary.videos, "video")]
    frames = f" ({_count(summary.frames, 'frame')})" if summary.videos else ""
    say(f"Processed {' and '.join(filter(None, processed))}{frames}, {summary.rate:.1f} frames/s.")
    counts = ", ".join(f"{name} {count}" for name, count in summary.counts.items())
    say(f"Found {_count(summary.detections, 'object') or 'nothing'}{': ' + counts if counts else ''}.")
    pictures = [path for path in summary.outputs if path.suffix.lower() in PICTURES]
    many = len(pictures) > MOST_NAMED
    for path in summary.outputs:
        if not (many and path in pictures):
            say(f"Written: {path}")
    if many:
        say(f"Written: {len(pictures)} images in {out}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""
