"""A trained model in another format, delivered only after it was run and compared: `detect.export`."""

import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import tensorflow as tf

from detect.config import to_json
from detect.data import description
from detect.data.images import read_image
from detect.data.resizing import place
from detect.errors import BadInput, RunFailure, did_you_mean
from detect.evaluation.run import evaluate
from detect.export.check import compare, fault_of
from detect.inference.artefact import (
    EXPORT_CARD,
    PACKAGES,
    Check,
    ExportCard,
    Format,
    Precision,
    exports_folder,
    open_artefact,
)
from detect.inference.predictor import Model
from detect.inference.tensorflow_backend import TensorFlowBackEnd
from detect.models.card import CARD, WEIGHTS, ModelCard, model_folder
from detect.models.detector import Detector
from detect.weights.download import sha256
from detect.weights.opening import open_model

PICTURES = 32  # of the dataset, on which single detections are compared
GENERATED = 8  # images where there is no dataset


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
    _check_installed(kind)
    folder = model_folder(Path(model))
    if folder is None:
        raise BadInput(f"{model} is no run folder or model folder: export takes what `detect train` wrote.")
    target = (
        Path(out) if out is not None else exports_folder(folder) / (kind if bits == "float32" else f"{kind}-{bits}")
    )
    _check_replaceable(target)
    detector, card = open_model(folder)
    card = _card_for(card, detector, image_size)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as name:
        written = Path(name) / target.name
        written.mkdir()
        say(f"Writing {kind}, {bits}, for images of {card.image_size} pixels.")
        export_card = _write(detector, card, written, kind, bits, sha256(folder / WEIGHTS))
        say("Comparing with the original.")
        check = _compare(Model(TensorFlowBackEnd(detector), card), Model(open_artefact(written), card), data, split)
        export_card = export_card.model_copy(update={"check": check})
        (written / EXPORT_CARD).write_text(to_json(export_card), encoding="utf-8")
        fault = fault_of(check, bits, max_ap_loss)
        target = target.with_name(f"{target.name}.rejected") if fault else target
        shutil.rmtree(target, ignore_errors=True)
        written.rename(target)
    if fault:
        raise RunFailure(f"The export is not delivered: {fault}. It is kept as {target}, with the figures in it.")
    return Exported(target, export_card, sum(path.stat().st_size for path in target.iterdir()))


def _write(
    detector: Detector, model_card: ModelCard, folder: Path, kind: Format, precision: Precision, digest: str
) -> ExportCard:
    """All files of the export but the result of its check."""
    from detect.export import openvino

    card = ExportCard(
        format=kind,
        precision=precision,
        canvases=_canvases(detector, model_card),
        size_divisor=detector.size_divisor,
        smallest_side=detector.smallest_side,
        confidence=detector.config.confidence,
        iou=detector.config.iou,
        weights=digest,
    )
    metadata = {"model": to_json(model_card), "export": to_json(card)}
    for canvas in card.canvases:
        dtype = model_card.fit.placement(1, 1, model_card.image_size).dtype
        openvino.write(detector, folder, canvas, tf.as_dtype(dtype), precision, metadata)
    (folder / CARD).write_text(to_json(model_card), encoding="utf-8")
    (folder / EXPORT_CARD).write_text(to_json(card), encoding="utf-8")
    return card


def _card_for(card: ModelCard, detector: Detector, image_size: int | None) -> ModelCard:
    """The card of the export. Its images are square, so pictures that kept their shape are fitted into a square."""
    side = card.image_size if image_size is None else image_size
    if side % detector.size_divisor or side < detector.smallest_side:
        raise BadInput(
            f"Image size {side}: {card.model} takes multiples of {detector.size_divisor} from "
            f"{detector.smallest_side} on."
        )
    fit = card.fit
    if fit.kind == "shortest":
        fit = fit.model_copy(update={"kind": "letterbox", "longest": None})
    return card.model_copy(update={"image_size": side, "fit": fit})


def _canvases(detector: Detector, card: ModelCard) -> tuple[tuple[int, int], ...]:
    """The square, and what it leaves of 16:9 videos without the rows that would be padding only."""
    square, limits = (card.image_size, card.image_size), (detector.size_divisor, detector.smallest_side)
    wide = card.fit.placement(9, 16, card.image_size, *limits, trimmed=True).canvas
    return (square,) if wide == square else (square, wide)


def _compare(original: Model, exported: Model, data: str | Path | None, split: str) -> Check:
    """Both see pictures as the export does."""
    images, shown = _generated(exported) if data is None else _images_of(exported, data, split)
    check = compare(original, exported, images, shown)
    if data is None:
        return check
    scores = {name: evaluate(model, data, split).AP for name, model in (("AP", exported), ("AP_of_original", original))}
    return check.model_copy(update=scores)


def _images_of(model: Model, data: str | Path, split: str) -> tuple[list[np.ndarray], str]:
    dataset = description.open_dataset(data)
    if split == "val" and split not in dataset.splits:
        dataset = description.with_validation(dataset)
    records = description.split(dataset, split)
    images = []
    for index in range(min(PICTURES, len(records))):
        picture = read_image(records.image_path(index))
        images.append(place(picture, model.placement(*picture.shape[:2])))
    return images, f"pictures of {data}, {split}"


def _generated(model: Model) -> tuple[list[np.ndarray], str]:
    """Rectangles of random colours on noise."""
    height, width = model.backend.canvases[0]
    rng, images = np.random.default_rng(0), []
    for _ in range(GENERATED):
        image = rng.integers(0, 256, (height, width, 3)) // 4
        for _ in range(20):
            (y1, y2), (x1, x2) = (np.sort(rng.integers(0, side, 2)) for side in (height, width))
            image[y1:y2, x1:x2] = image[y1:y2, x1:x2] // 8 + rng.integers(0, 192, 3)
        images.append(image.astype(model.placement(1, 1).dtype))
    return images, "generated images"


def _known(what: str, word: str, words: Any) -> Any:
    """`word`, if it is one of the type `words`."""
    if word not in get_args(words):
        raise BadInput(f"Unknown {what} {word!r}. {did_you_mean(word, get_args(words))}")
    return word


def _check_installed(format: Format) -> None:
    if importlib.util.find_spec(PACKAGES[format]) is None:
        raise BadInput(f"Export to {format} needs {PACKAGES[format]}. Run: pip install 'detect-tf[{format}]'")


def _check_replaceable(target: Path) -> None:
    """BadInput where there is something that is no export."""
    if target.exists() and not (target / EXPORT_CARD).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise BadInput(f"{target} is there and is no export. Give another folder.")
