"""`detect export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detect.cli.printing import download_bar, say
from detect.cli.starting import start_tensorflow
from detect.errors import BadInput

if TYPE_CHECKING:
    from detect.export.export_run import Exported


def export(
    model: Annotated[
        str, typer.Argument(help="Run folder, model folder, or name of a published checkpoint.", show_default=False)
    ],
    format: Annotated[
        str, typer.Option(help="What will run it: openvino, onnx, litert, savedmodel, stablehlo.")
    ] = "openvino",
    precision: Annotated[
        str,
        typer.Option(
            help="Of the weights: float32; float16, half the file; int8, less, computed in int8, needs --data; "
            "int8-weights, a quarter, without data, only litert."
        ),
    ] = "float32",
    image_size: Annotated[
        int | None, typer.Option(min=1, help="Side that pictures are brought to. Default: the model's.")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Images of a call, if fixed. Default: any; with litert, stablehlo 1."),
    ] = None,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Sizes for videos of all usual shapes, not only for squares and 16:9.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="End before suppression: all boxes and scores, for clients with their own.")
    ] = False,
    class_confidence: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS=SCORE", help="Least score for a class. May be repeated. Default: 0.25."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Score model and export on this dataset; int8 is calibrated on it.")
    ] = None,
    split: Annotated[str, typer.Option(help="Part of the dataset: train, val or test.")] = "val",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the export. Default: exports/ beside the model.", show_default=False)
    ] = None,
    max_ap_loss: Annotated[
        float | None, typer.Option(help="Points of AP that may be lost. Default: 0.1, with float16 0.3, with int8 1.")
    ] = None,
) -> None:
    """Write a trained model for another runtime, and deliver it only if it finds what the original finds."""
    start_tensorflow()
    from detect.export.export_run import export as run_export

    with download_bar(model) as progress:
        done = run_export(
            model,
            format,
            precision=precision,
            image_size=image_size,
            batch=batch,
            dynamic=dynamic,
            raw=raw,
            class_confidence=dict(map(_pair, class_confidence or ())),
            data=data,
            split=split,
            out=out,
            max_ap_loss=max_ap_loss,
            say=say,
            progress=progress,
        )
    show_export(done)


def _pair(text: str) -> tuple[str, float]:
    """CLASS=SCORE."""
    name, _, score = text.rpartition("=")
    try:
        return name, float(score)
    except ValueError:
        raise BadInput(f"--class-confidence takes CLASS=SCORE, such as person=0.4; got {text!r}.") from None


def show_export(done: "Exported") -> None:
    """Where it is, and how it compares with the original."""
    check = done.card.check
    assert check is not None
    say(f"Exported: {done.folder} ({done.size / 1e6:.1f} MB)", style="bold")
    if check.AP is not None and check.AP_of_original is not None:
        say(f"  AP {check.AP:.4f}, of the original {check.AP_of_original:.4f}")
    else:
        say("  AP was not checked: give --data for that.")
    say(
        f"  On {check.images} {check.shown}: {check.detections} detections, {check.unmatched} on one side only; boxes "
        f"differ by up to {check.box_difference:.2g} pixels, scores by {check.score_difference:.2g}"
    )
    say(f"  One image: {1e3 * check.seconds:.1f} ms, of the original {1e3 * check.seconds_of_original:.1f} ms")
    say(f"  detect predict {done.folder} PICTURES_OR_VIDEO")
