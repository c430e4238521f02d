"""A trained model in another format, delivered only after it was run and compared: `detect.export`.

The module of a format has `write(step, path, precision, metadata)`, which makes the file `path` of the step of
`frozen_step`, with its large weights in this precision and with these texts in it where the format can hold them
(computation is in float32), and `PLAIN`, which that function takes.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import tensorflow as tf

from detect.config import to_json
from detect.data.dataset import scored_split
from detect.data.description import open_dataset
from detect.data.images import read_image
from detect.data.records import Records
from detect.data.resizing import place
from detect.errors import BadInput, RunFailure, did_you_mean
from detect.evaluation.run import evaluate
from detect.exporting.check import compare, fault_of
from detect.exporting.freezing import frozen_step
from detect.inference.artefact import (
    EXPORT_CARD,
    Check,
    ExportCard,
    Format,
    Precision,
    exports_folder,
    open_artefact,
)
from detect.inference.artefact_backend import model_file
from detect.inference.predictor import Model
from detect.inference.tensorflow_backend import TensorFlowBackEnd
from detect.models.card import CARD, WEIGHTS, ModelCard, load_card, model_folder
from detect.models.detector import Detector
from detect.models.folders import deliver, draft, is_free
from detect.weights.download import sha256
from detect.weights.opening import open_model

# What writes each format and runs it.
PACKAGES: dict[Format, tuple[str, ...]] = {
    "openvino": ("openvino",),
    "onnx": ("onnx", "tf2onnx", "onnxruntime"),
    "litert": ("ai_edge_litert",),
}
PICTURES = 32  # of the dataset, on which single detections are compared
GENERATED = 8  # images of each size where there are no pictures of it


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
    data: str | Path | None = None,
    split: str = "val",
    out: str | Path | None = None,
    max_ap_loss: float | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Exported:
    """The words are those of `detect export`.

    Args:
        model: a run folder or a model folder.
        format: what runs it.
        precision: of the weights in the file, which float16 halves.
        image_size: the side that pictures are brought to, pixels; by default that of the model.
        data: anything that `open_dataset` reads: original and export are scored on it. Without it they are compared on
            generated images, and AP is not known.
        split: which part of it.
        out: the folder; by default `exports/` in that of the run or model, where `auto` finds it.
        max_ap_loss: points of AP that may be lost; 0.1 with float32, 0.3 with float16 by default.
        say: told what is going on.

    Raises:
        BadInput: there is no such model, it takes no such size, or a package is missing.
        RunFailure: the export is not as good as its original. It is kept, with `.rejected` in its name.
    """
    kind: Format = _known("format", format, Format)
    bits: Precision = _known("precision", precision, Precision)
    missing = [name for name in PACKAGES[kind] if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(f"Export to {kind} needs {' and '.join(missing)}. Run: pip install {' '.join(missing)}")
    folder = model_folder(Path(model))
    if folder is None:
        raise BadInput(f"{model} is no run folder or model folder: export takes what `detect train` wrote.")
    own_place = exports_folder(folder) / (kind if bits == "float32" else f"{kind}-{bits}")
    target = own_place if out is None else Path(out)
    if not is_free(target, EXPORT_CARD):
        raise BadInput(f"{target} is there and is no export. Give another folder.")
    # What is wrong with the data is said before the work.
    records = None if data is None else scored_split(open_dataset(data), split)[1]
    detector, card = open_model(folder)
    card = _at_size(card, detector, image_size)
    with draft(target) as new:
        say(f"Writing {kind}, {bits}, for images of {card.image_size} pixels.")
        export_card = _write(detector, card, new, kind, bits, sha256(folder / WEIGHTS))
        say("Comparing with the original.")
        exported = Model(open_artefact(new), load_card(new))
        check = _compare(Model(TensorFlowBackEnd(detector), card), exported, records, data, split)
        check = check.model_copy(update={"fault": fault_of(check, bits, max_ap_loss)})
        export_card = export_card.model_copy(update={"check": check})
        (new / EXPORT_CARD).write_text(to_json(export_card), encoding="utf-8")
        target = target.with_name(f"{target.name}.rejected") if check.fault else target
        deliver(new, target)
    if check.fault:
        raise RunFailure(f"The export is not delivered: {check.fault}. It is kept as {target}, with the figures in it.")
    return Exported(target, export_card, sum(path.stat().st_size for path in target.iterdir()))


def _write(
    detector: Detector, card: ModelCard, folder: Path, kind: Format, precision: Precision, digest: str
) -> ExportCard:
    """All files of the export but the result of its check. The module called as the format writes those of it."""
    writer = importlib.import_module(f"detect.exporting.{kind}")
    runner, model_card = importlib.import_module(f"detect.inference.{kind}_backend"), _on_squares(card)
    export_card = ExportCard(
        format=kind,
        precision=precision,
        canvases=_canvases(detector, model_card),
        size_divisor=detector.size_divisor,
        smallest_side=detector.smallest_side,
        confidence=detector.config.confidence,
        iou=detector.config.iou,
        weights=digest,
    )
    metadata = {"model": to_json(model_card), "export": to_json(export_card)}
    dtype = tf.as_dtype(model_card.fit.placement(1, 1, model_card.image_size).dtype)
    for canvas in export_card.canvases:
        step = frozen_step(detector, canvas, dtype, plain=writer.PLAIN)
        writer.write(step, model_file(folder, *canvas, runner.SUFFIX), precision, metadata)
    (folder / CARD).write_text(to_json(model_card), encoding="utf-8")
    (folder / EXPORT_CARD).write_text(to_json(export_card), encoding="utf-8")
    return export_card


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


def _canvases(detector: Detector, card: ModelCard) -> tuple[tuple[int, int], ...]:
    """The square, and what it leaves of 16:9 videos without the rows that would be padding only."""
    square, limits = (card.image_size, card.image_size), (detector.size_divisor, detector.smallest_side)
    wide = card.fit.placement(9, 16, card.image_size, *limits, trimmed=True).canvas
    return (square,) if wide == square else (square, wide)


def _compare(original: Model, exported: Model, records: Records | None, data: str | Path | None, split: str) -> Check:
    """On the same images, of every size that it was made for; and with data by AP, each as its users call it."""
    square, *others = exported.backend.canvases
    if records is None:
        images, shown = _generated(exported, *square), "generated images"
    else:
        images, shown = _images_of(exported, records), f"pictures of {data}, {split}, and generated images"
    images += [image for canvas in others for image in _generated(exported, *canvas)]
    check = compare(original, exported, images, shown)
    if data is None:
        return check
    scores = {name: evaluate(model, data, split).AP for name, model in (("AP", exported), ("AP_of_original", original))}
    return check.model_copy(update=scores)


def _images_of(model: Model, records: Records) -> list[np.ndarray]:
    """The first pictures as the model sees them."""
    pictures = (read_image(records.image_path(index)) for index in range(min(PICTURES, len(records))))
    return [place(picture, model.placement(*picture.shape[:2])) for picture in pictures]


def _generated(model: Model, height: int, width: int) -> list[np.ndarray]:
    """Rectangles of random colours on noise."""
    rng, images = np.random.default_rng(0), []
    for _ in range(GENERATED):
        image = rng.integers(0, 256, (height, width, 3)) // 4
        for _ in range(20):
            (y1, y2), (x1, x2) = (np.sort(rng.integers(0, side, 2)) for side in (height, width))
            image[y1:y2, x1:x2] = image[y1:y2, x1:x2] // 8 + rng.integers(0, 192, 3)
        images.append(image.astype(model.placement(1, 1).dtype))
    return images


def _known(what: str, word: str, words: Any) -> Any:
    """`word`, if it is one of the type `words`."""
    if word not in get_args(words):
        raise BadInput(f"Unknown {what} {word!r}. {did_you_mean(word, get_args(words))}")
    return word
