"""Small models of most families, trained on synthetic images, and what each loses in every format and precision."""

import functools
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from measuring.first_models import LIGHTER, create_light
from measuring.rescaling import rescale

import detect
from detect import formats
from detect.artefacts.export_card import Check, files_size, load_export_card
from detect.data.shapes import write_shapes
from detect.errors import RunFailure
from detect.export import cards, export_run
from detect.models.saving import save
from detect.weights.opening import open_model

Result = TypeVar("Result")

# Each format in each of its precisions.
WAYS = [(name, precision) for name in formats.names() for precision in formats.find(name).precisions]
IMAGES = {"train": 600, "val": 200}
SIDE = 128  # pixels, or more where a model takes no less
# Epochs and learning rate with which a first model reaches an AP of 0.3 to 0.9 in two to five minutes on one core.
# D-FINE, RT-DETRv2 and RF-DETR take longer: the lighter D-FINE-N has 0.28 after 40 epochs, which are 13 minutes.
LEARNING = {
    "deimv2-atto": (40, 0.003),
    "yolox-micro": (40, 0.006),
    "retinanet-r18": (16, 0.002),
    "fcos-r18": (12, 0.002),
    "efficientdet-d0": (40, 0.006),
    "fasterrcnn-r18": (10, 0.002),
    "ssdlite-mobilenetv3": (30, 0.004),
    "ssd-vgg16": (10, 0.002),
}
ALIKE = {"mosaic": 0, "scale": [1, 1], "translate": 0, "hue": 0, "saturation": 0, "value": 0}


class Outcome(NamedTuple):
    """An export, delivered or not."""

    check: Check
    size: int  # of all files, bytes
    kept: int  # layers in float32 that its AP needs


def train_and_export(name: str, folder: Path, rescaled: bool = False) -> dict[tuple[str, str], Outcome]:
    """Train the model within `folder`, export it in all `WAYS`, and score each export on images that are new to it.

    Each format has a process of its own, because converters do not give memory back.

    Args:
        name: of the model.
        folder: for the dataset, the run and the exports.
        rescaled: whether the channels of the trained model are made unequal, see `rescale`.

    Raises:
        BrokenProcessPool: an export ends the process that runs it.
    """
    model, data = _in_a_process(_train, name, folder)
    if rescaled:
        _in_a_process(_rescale, model, folder / "rescaled")
        model = folder / "rescaled"
    return export_in_all_ways(model, data)


def export_in_all_ways(model: Path, data: str | Path) -> dict[tuple[str, str], Outcome]:
    """Export a model in all `WAYS` into its folder, with the layers in float32 that it needs, and score each export.

    They are for squares only, which halves the work. For processes see `train_and_export`.
    """
    found = [_in_a_process(_outcomes, model, data, format) for format in formats.names()]
    return {way: outcome for outcomes in found for way, outcome in outcomes.items()}


def _in_a_process(function: Callable[..., Result], *arguments: Any) -> Result:
    """Return what the function returns in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def _train(name: str, folder: Path) -> tuple[Path, Path]:
    """Return a run folder of the model, and its dataset."""
    side = max(create_light(name).smallest_side, SIDE)
    data, (epochs, rate) = write_shapes(folder / "pictures", **IMAGES, image_size=side), LEARNING[name]
    run = detect.train(
        data,
        name,
        epochs=epochs,
        image_size=side,
        batch_size=16,
        weights="none",
        name="trained",
        runs=folder / "runs",
        validations=1,
        architecture=LIGHTER.get(name, {}),
        optimizer={"learning_rate": rate},
        average={"decay": 0.98},
        pipeline={"augmentation": ALIKE},
    )
    return run.folder, data


def _rescale(model: Path, out: Path) -> None:
    """Save the model with channels of unequal size; see `rescale`."""
    detector, card = open_model(model)
    print(f"{card.model}: the channels of {rescale(detector)} convolutions are rescaled.", flush=True)
    save(detector, card, out)


def _outcomes(model: Path, data: str | Path, format: str) -> dict[tuple[str, str], Outcome]:
    """Export the model in all precisions of a format; it is opened and traced once for all of them."""
    cards.SHAPES = cards.SHAPES[:1]
    for name in ("open_model", "TensorFlowBackEnd"):
        setattr(export_run, name, functools.cache(getattr(export_run, name)))
    precisions = formats.find(format).precisions
    return {(format, precision): _outcome(model, data, format, precision) for precision in precisions}


def _outcome(model: Path, data: str | Path, format: str, precision: str) -> Outcome:
    out = model / "exports" / f"{format}-{precision}"
    try:
        export_run.export(model, format, precision=precision, data=data, out=out)
    except RunFailure:
        out = out.with_name(f"{out.name}.rejected")
    card = load_export_card(out)
    assert card.check is not None
    return Outcome(card.check, files_size(out), sum(layer.kept for layer in card.layers))
