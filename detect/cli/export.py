"""`detect export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detect import formats
from detect.cli.library_log import hide_library_log
from detect.cli.printing import download_bar, say, show_table
from detect.cli.starting import start_tensorflow
from detect.errors import BadInput, RunFailure, counted
from detect.terminal import shortened

if TYPE_CHECKING:
    from detect.artefacts.export_card import Check, Layer
    from detect.export.export_run import Exported

LONGEST_NAME = 60  # of a layer, characters
WORST = 10  # layers to print, those that add the most error

FORMATS = {name: formats.find(name) for name in formats.names()}
SUMMARIES = "; ".join(f"{name}: {format.summary}" for name, format in FORMATS.items())
OF_FIXED_BATCH = ", ".join(name for name, format in FORMATS.items() if format.batch != "any")

# Of exports in bfloat16, by the type that this processor computes them in.
ON_OTHERS = {
    "bfloat16": "A processor that is not fast in it computes in float32.",
    "float32": "A processor that is fast in bfloat16 computes in that, which costs some AP: score it there, too.",
}


def holding(precision: str) -> str:
    """Return the names of the formats that have this precision, with commas."""
    return ", ".join(name for name, format in FORMATS.items() if precision in format.precisions)


def export(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(help="Run folder, model folder, or name of a published checkpoint.", show_default=False)
    ],
    format: Annotated[str, typer.Option(help=f"What will run it. {SUMMARIES}.")] = "openvino",
    precision: Annotated[
        str,
        typer.Option(
            help="Precision of the weights: float32; float16, half the size; bfloat16, half the size, computes in "
            f"bfloat16 if the processor is fast in it and needs --data ({holding('bfloat16')} only); int8, smaller "
            "still, computes in int8 and needs --data; int8-weights, a quarter to a third of the size, computes in "
            f"float32 and needs no --data ({holding('int8-weights')} only)."
        ),
    ] = "float32",
    image_size: Annotated[
        int | None,
        typer.Option(min=1, help="Side that images are resized to, pixels.", show_default="the model's"),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Images per call, if fixed.", show_default=f"any number; {OF_FIXED_BATCH}: 1"),
    ] = None,
    dynamic: Annotated[
        bool,
        typer.Option("--dynamic", help="Also take videos that are upright, 4:3 or 3:2. Always: squares, 16:9."),
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Leave out suppression: all boxes and scores, for clients with their own.")
    ] = False,
    class_confidence: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS=SCORE", help="Minimum score of a class. May be repeated.", show_default="0.25"),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Dataset to score the model and the export on, and to calibrate int8 on.")
    ] = None,
    split: Annotated[str, typer.Option(help="Part of the dataset: train, val or test.")] = "val",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the export.", show_default="in exports/ of the model"),
    ] = None,
    max_ap_loss: Annotated[
        float | None,
        typer.Option(help="Points of AP that may be lost.", show_default="0.1; float16: 0.3; others: 0.5"),
    ] = None,
    doctor: Annotated[
        bool,
        typer.Option(
            "--doctor",
            help="Show what each layer costs. Where an export in float16 or int8 loses too much AP, this is measured "
            "anyway, and the fewest layers that bring it back stay in float32.",
        ),
    ] = False,
    licence_policy: Annotated[
        str,
        typer.Option(metavar="any|permissive", help="Refuse a model made of what is not under a permissive licence."),
    ] = "any",
) -> None:
    """Export a trained model to another runtime, and deliver it only if it finds what the original finds.

    `detect export check FOLDER` then checks it on the machine where it will run.
    """
    from detect.data.readers.description import open_with_split
    from detect.models.image_sides import require_sides
    from detect.models.licences import require_policy
    from detect.models.own_files import is_own
    from detect.models.places import model_at, require_place

    require_place(model)
    known = None if image_size is None else model_at(model)
    if known is not None and image_size is not None and not is_own(known):  # whose file imports TensorFlow
        require_sides(known, [image_size])
    formats.find(format)
    require_policy(licence_policy)
    confidences = dict(map(_pair, class_confidence or ()))
    dataset = None if data is None else open_with_split(data, split)
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
            class_confidence=confidences,
            data=dataset,
            split=split,
            out=out,
            max_ap_loss=max_ap_loss,
            doctor=doctor or bool(context.obj),
            licence_policy=licence_policy,
            say=say,
            progress=progress,
        )
    show_export(done)


def check(
    folder: Annotated[str, typer.Argument(help="Folder of an export, or a file in it.", show_default=False)],
) -> None:
    """Check an export on this machine: it must find what it found where it was made.

    Runs it on the images in its golden.npz, says which outputs differ, and exits with 1 if one does. A model that is
    called check is exported by `detect export ./check`.
    """
    hide_library_log()
    from detect.export.golden_check import check_export, sentences

    done = check_export(folder)
    found = counted(done.detections, "detection", "detections")
    say(f"{done.folder}: {done.card.format}, {done.card.precision}, {found} expected", style="bold")
    for sentence in sentences(done):
        say(f"  {sentence}")
    here = FORMATS[done.card.format].computed_in(done.card.precision)
    there = done.card.check.computed_in if done.card.check else here
    if here != there:
        say(f"  Computed in {here} here, and in {there} where it was made.")
    if not done.agrees:
        raise RunFailure(
            f"{done.folder} does not compute here what it computed where it was made. Measure what that costs: detect "
            f"evaluate {done.folder} --data DATA"
        )
    say("It finds here what it found where it was made.")


def _pair(text: str) -> tuple[str, float]:
    """Return the two parts of CLASS=SCORE."""
    name, _, score = text.rpartition("=")
    try:
        return name, float(score)
    except ValueError:
        raise BadInput(f"--class-confidence takes CLASS=SCORE, such as person=0.4; got {text!r}.") from None


def show_export(done: "Exported") -> None:
    """Print where the export is and how it compares with the original."""
    check = done.card.check
    assert check is not None
    say(f"Exported: {done.folder} ({done.size / 1e6:.1f} MB)", style="bold")
    if check.AP is not None and check.AP_of_original is not None:
        say(f"  AP {check.AP:.4f}, original {check.AP_of_original:.4f}")
    else:
        say("  AP was not checked: give a dataset with --data.")
    say(f"  On {check.images} {check.shown}: {differences(check)}")
    if check.computed_in:
        say(f"  Computed in {check.computed_in} here. {ON_OTHERS[check.computed_in]}")
    say(f"  {1e3 * check.seconds:.1f} ms per image, original {1e3 * check.seconds_of_original:.1f} ms")
    show_layers(done)
    say(f"  Licences: {done.licences}")
    say(f"  Run it: detect predict {done.folder} IMAGES_OR_VIDEOS")
    say(f"  Check it where it will run: detect export check {done.folder}")


def differences(compared: "Check") -> str:
    """Return how the detections of an export and its original differ: those that prediction shows, or else all."""
    shown = compared.confident
    if shown is None or not shown.detections + shown.unmatched:
        none = f"none from {shown.confidence:g}; of all, " if shown else ""
        found = counted(compared.detections, "detection", "detections")
        largest = f"{compared.box_difference:.2g} pixels, scores by {compared.score_difference:.2g}"
        return f"{none}{found}, {compared.unmatched} by one side only; boxes differ by up to {largest}"
    found = counted(shown.detections, "detection", "detections")
    return (
        f"{found} from {shown.confidence:g}, {shown.unmatched} by one side only; boxes differ by "
        f"{shown.box_median:.2g} pixels at the median, {shown.box_difference:.2g} at most, scores by "
        f"{shown.score_median:.2g} and {shown.score_difference:.2g}"
    )


def show_layers(done: "Exported") -> None:
    """Print what layers cost, and what it costs that some stay in float32; nothing if that was not measured."""
    card = done.card
    kept = [layer for layer in card.layers if layer.kept]
    if card.treatment and card.check:
        before, check = card.treatment, card.check
        multiply_adds, weights = sum(layer.multiply_adds for layer in kept), sum(layer.weights for layer in kept)
        say(
            f"  {counted(len(kept), 'layer stays', 'layers stay')} in float32, {multiply_adds:.1%} of the "
            f"multiply-adds and {weights:.1%} of the weights:"
        )
        say(
            f"  AP {before.AP_before:.4f} -> {check.AP:.4f}, {before.speedup_before:.1f} -> {check.speedup:.1f} times "
            f"as fast as the original, {before.size_before / 1e6:.1f} -> {done.size / 1e6:.1f} MB"
        )
    worst = card.layers[:WORST]
    if rows := [_row(layer) for layer in (*worst, *(layer for layer in kept if layer not in worst))]:
        show_table(("layer", "error", "added here", "AP if float32", "multiply-adds", "stays in float32"), rows)


def _row(layer: "Layer") -> tuple[str, ...]:
    name = max(layer.name.split(";"), key=len)  # LiteRT's names are those of all that was fused
    alone = "" if layer.AP_alone is None else f"{layer.AP_alone:.4f}"
    kept = "yes" if layer.kept else ""
    return (
        shortened(name, LONGEST_NAME),
        f"{layer.error:.2%}",
        f"{layer.added:.2%}",
        alone,
        f"{layer.multiply_adds:.1%}",
        kept,
    )
