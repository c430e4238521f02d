"""A trained model in another format, delivered only after it was run and compared: `detect.export`.

The module of a format has `write(job)`, which fills the folder of a `Job` with its step for each canvas and its weights
in its precision, and `label(job)`, which writes its texts into those files where the format can hold them. What is
computed with is float32, but for int8.
"""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from detect.artefacts.export_card import (
    EXPORT_CARD,
    INPUTS,
    Canvas,
    Check,
    ExportCard,
    Format,
    Precision,
    exports_folder,
    files_size,
)
from detect.artefacts.job import Job
from detect.config import to_json
from detect.data.dataset import scored_split
from detect.data.readers.description import open_dataset
from detect.data.records import Records
from detect.errors import BadInput, RunFailure, did_you_mean
from detect.evaluation.evaluation_run import evaluate
from detect.export.check import compare, fault_of
from detect.export.sample_images import generated_images, images_of
from detect.files import deliver_folder, draft_folder, explained, is_free, write_text
from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
from detect.inference.exports import open_artefact
from detect.inference.predictor import Model
from detect.models.card import CARD, WEIGHTS, ModelCard, load_card, model_folder
from detect.models.detector import Detector
from detect.models.suppression import Suppression
from detect.weights.download import Progress, sha256
from detect.weights.opening import find_folder, open_model

# What writes each format and runs it.
PACKAGES: dict[Format, tuple[str, ...]] = {
    "openvino": ("openvino",),
    "onnx": ("onnx", "tf2onnx", "onnxruntime"),
    "litert": ("ai_edge_litert",),
    "savedmodel": ("tensorflow",),
    "stablehlo": ("jax",),
}
PRECISIONS: dict[Format, tuple[Precision, ...]] = {
    "openvino": ("float32", "float16", "int8"),
    "onnx": ("float32", "float16", "int8"),
    "litert": ("float32", "float16", "int8", "int8-weights"),
    "savedmodel": ("float32", "float16"),
    "stablehlo": ("float32",),
}
# What int8 takes besides.
QUANTISERS: dict[Format, tuple[str, ...]] = {"openvino": ("nncf",), "litert": ("ai_edge_quantizer",)}
PICTURES = 32  # of the dataset, on which single detections are compared
CALIBRATION = 128  # of those to train on, which show int8 what values there are
ONE_IMAGE = ("litert",)  # formats whose suppression is for one image
SHAPES = ((1, 1), (9, 16))  # heights to widths of the pictures that an export has a canvas for
MORE_SHAPES = ((16, 9), (3, 4), (4, 3), (2, 3), (3, 2))  # with `dynamic`
FIXED = ("litert", "stablehlo")  # formats that want to know the number of images, 1 by default


@dataclass(frozen=True)
class Exported:
    """What was delivered."""

    folder: Path
    card: ExportCard
    size: int  # of all files, bytes


def export(
    model: str | Path,
    format: str = "openvino",
    *,
    precision: str = "float32",
    image_size: int | None = None,
    batch: int | None = None,
    dynamic: bool = False,
    raw: bool = False,
    class_confidence: Mapping[str, float] | None = None,
    data: str | Path | None = None,
    split: str = "val",
    out: str | Path | None = None,
    max_ap_loss: float | None = None,
    say: Callable[[str], None] = lambda text: None,
    progress: Progress | None = None,
) -> Exported:
    """The words are those of `detect export`.

    Args:
        model: a run folder, a model folder, or the name of a published checkpoint.
        format: what runs it.
        precision: of the weights in the file, which float16 halves; int8 is smaller still. With int8 the network
            computes in it too, calibrated on pictures of the data. LiteRT also has int8-weights, without data.
        image_size: the side that pictures are brought to, pixels; by default that of the model.
        batch: images of a call, for clients that want a fixed number; by default any, with LiteRT and StableHLO 1.
        dynamic: also for videos that are upright, 4:3 or 3:2; without it for squares and 16:9. Others are padded.
        raw: end before suppression, for clients with their own: images in, all boxes and scores out.
        class_confidence: by class, the least score of a detection where its user names none, which is 0.25 otherwise.
        data: anything that `open_dataset` reads: original and export are scored on it. Without it they are compared on
            generated images, and AP is not known.
        split: which part of it.
        out: the folder; by default `exports/` in that of the run or model, where `auto` finds it; for a checkpoint
            `NAME-FORMAT` here.
        max_ap_loss: points of AP that may be lost; by default 0.1 with float32, 0.3 with float16, 1 with int8.
        say: told what is going on.
        progress: called while a checkpoint is downloaded, with the bytes that are there and all.

    Raises:
        BadInput: there is no such model, it takes no such size, int8 has no data, or a package is missing.
        RunFailure: the export is not as good as its original. It is kept, with `.rejected` in its name.
    """
    kind: Format = _known("format", format, Format)
    bits: Precision = _known("precision", precision, Precision)
    _check_precision(kind, bits, data)
    _check_packages(kind, bits)
    target = _target(str(model), _name(kind, bits, raw), out)
    folder = find_folder(model, progress=progress)
    if folder is None:
        raise BadInput(f"{model} is no run folder or model folder, nor a published checkpoint (`detect weights list`).")
    # What is wrong with the data is said before the work.
    dataset, records = (None, None) if data is None else scored_split(open_dataset(data), split)
    detector, card = open_model(folder)
    card = _with_confidences(_on_squares(_at_size(card, detector, image_size)), class_confidence or {})
    export_card = ExportCard(
        format=kind,
        precision=bits,
        canvases=_canvases(detector, card, dynamic),
        inputs=detector.candidate_inputs if raw else INPUTS,
        batch=_batch(kind, batch),
        size_divisor=detector.size_divisor,
        smallest_side=detector.smallest_side,
        confidence=detector.config.confidence,
        suppression=_left_out(detector, card, raw),
        iou=detector.config.iou,
        run=exports_folder(folder).parent.resolve().name,
        weights=sha256(folder / WEIGHTS),
    )
    original = Model(TensorFlowBackEnd(detector), card)
    with draft_folder(target) as new:
        say(f"Writing {kind}, {bits}, for images of {card.image_size} pixels.")
        seen = dataset.splits.get("train", records) if dataset and bits == "int8" else None
        job = Job(detector, card, export_card, new, images_of(original, seen, CALIBRATION) if seen else [])
        with explained(target, _least_size(folder / WEIGHTS, bits)):
            _module(kind).write(job)
        _write_cards(job)
        say("Comparing with the original.")
        exported = Model(open_artefact(new), load_card(new))
        check = _compare(original, exported, records, data, split)
        check = check.model_copy(update={"fault": fault_of(check, bits, max_ap_loss)})
        job = replace(job, export=export_card.model_copy(update={"check": check}))
        with explained(target):
            _module(kind).label(job)
        _write_cards(job)
        target = target.with_name(f"{target.name}.rejected") if check.fault else target
        deliver_folder(new, target)
    if check.fault:
        raise RunFailure(f"The export is not delivered: {check.fault}. It is kept as {target}, with the figures in it.")
    return Exported(target, job.export, files_size(target))


def _name(kind: Format, precision: Precision, raw: bool) -> str:
    """Of the folder of an export."""
    return "-".join([kind, *([] if precision == "float32" else [precision]), *(["raw"] if raw else [])])


def _target(model: str, name: str, out: str | Path | None) -> Path:
    """The folder that the export of the model becomes."""
    folder = model_folder(Path(model))
    beside = exports_folder(folder) / name if folder else Path(f"{model}-{name}")
    target = beside if out is None else Path(out)
    if not is_free(target, EXPORT_CARD):
        raise BadInput(f"{target} is there and is no export. Give another folder.")
    return target


def _check_packages(kind: Format, precision: Precision) -> None:
    needed = (*PACKAGES[kind], *(QUANTISERS.get(kind, ()) if precision.startswith("int8") else ()))
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(f"Export to {kind} needs {' and '.join(missing)}. Run: pip install {' '.join(missing)}")


def _check_precision(kind: Format, precision: Precision, data: str | Path | None) -> None:
    if precision not in PRECISIONS[kind]:
        known = [f"{name} has {', '.join(held)}" for name, held in PRECISIONS.items()]
        raise BadInput(f"There is no {precision} for {kind}: {'; '.join(known)}.")
    if precision == "int8" and data is None:
        raise BadInput("int8 is calibrated on pictures like those that the model will see: give a dataset with --data.")


def _module(kind: Format) -> ModuleType:
    """What writes the format."""
    return importlib.import_module(f"detect.formats.{kind}.writer")


def _write_cards(job: Job) -> None:
    write_text(job.folder / CARD, to_json(job.card))
    write_text(job.folder / EXPORT_CARD, to_json(job.export))


def _at_size(card: ModelCard, detector: Detector, image_size: int | None) -> ModelCard:
    """The card for images of this size, the model's own by default."""
    side = card.image_size if image_size is None else image_size
    if side % detector.size_divisor or side < detector.smallest_side:
        raise BadInput(
            f"Image size {side}: {card.model} takes multiples of {detector.size_divisor} from "
            f"{detector.smallest_side} on."
        )
    return card.model_copy(update={"image_size": side})


def _on_squares(card: ModelCard) -> ModelCard:
    """The card of the export. Its images have few sizes, so pictures that kept their shape are fitted into a square."""
    if card.fit.kind != "shortest":
        return card
    return card.model_copy(update={"fit": card.fit.model_copy(update={"kind": "letterbox", "longest": None})})


def _with_confidences(card: ModelCard, confidences: Mapping[str, float]) -> ModelCard:
    for name, value in confidences.items():
        if name not in card.classes:
            raise BadInput(f"Class {name!r} is none of the model's. {did_you_mean(name, card.classes)}")
        if not 0 <= value <= 1:
            raise BadInput(f"Confidence of {name}: expected 0 to 1, got {value:g}.")
    return card.model_copy(update={"confidences": {**card.confidences, **confidences}})


def _canvases(detector: Detector, card: ModelCard, dynamic: bool) -> tuple[Canvas, ...]:
    """The square, and what is left of it for videos of other shapes without what would be padding only.

    Anchors and points are constants of a size, so each size is a graph of its own.
    """
    side, divisor, smallest = card.image_size, detector.size_divisor, detector.smallest_side
    placements = (
        card.fit.placement(height, width, side, divisor, smallest, trimmed=True)
        for height, width in (*SHAPES, *(MORE_SHAPES if dynamic else ()))
    )
    return tuple(dict.fromkeys(placement.canvas for placement in placements))


def _batch(kind: Format, batch: int | None) -> int | None:
    """Images of a call."""
    if kind in ONE_IMAGE and batch not in (None, 1):
        raise BadInput(f"{kind} takes one image after the other, because its suppression does: leave out --batch.")
    return batch or (1 if kind in FIXED else None)


def _left_out(detector: Detector, card: ModelCard, raw: bool) -> Suppression | None:
    """Return what clients do with the candidates of a `raw` export; BadInput where the model has no suppression."""
    if raw and detector.suppression is None:
        raise BadInput(f"{card.model} has no suppression that could be left to its client. Leave out --raw.")
    return detector.suppression if raw else None


def _compare(original: Model, exported: Model, records: Records | None, data: str | Path | None, split: str) -> Check:
    """On the same images, of every size that it was made for; and with data by AP, each as its users call it."""
    square, *others = exported.backend.canvases
    if records is None:
        images, shown = generated_images(exported, square), "generated images"
    else:
        images, shown = images_of(exported, records, PICTURES), f"pictures of {data}, {split}, and generated images"
    images += [image for canvas in others for image in generated_images(exported, canvas)]
    check = compare(original, exported, images, shown)
    if data is None:
        return check
    scores = {name: evaluate(model, data, split).AP for name, model in (("AP", exported), ("AP_of_original", original))}
    return check.model_copy(update=scores)


def _least_size(weights: Path, precision: Precision) -> int:
    """Bytes that the weights take in a precision, about, from their file in float32."""
    return weights.stat().st_size // {"float32": 1, "float16": 2}.get(precision, 4)


def _known(what: str, word: str, words: Any) -> Any:
    """`word`, if it is one of the type `words`."""
    if word not in get_args(words):
        raise BadInput(f"Unknown {what} {word!r}. {did_you_mean(word, get_args(words))}")
    return word
