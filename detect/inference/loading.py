"""Loading a trained model for prediction: `detect.load`."""

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detect.errors import BadInput
from detect.inference.exports import find_artefact, open_artefact
from detect.inference.predictor import Model
from detect.models.card import ModelCard, load_card
from detect.models.places import require_model
from detect.weights.download import Progress

if TYPE_CHECKING:  # exports are loaded without TensorFlow
    from detect.models.detector import Detector


def load(
    model: "str | Path | Detector",
    weights: str | Path | None = None,
    progress: Progress | None = None,
    backend: str | None = None,
    *,
    classes: Sequence[str] | None = None,
    image_size: int | None = None,
    trust: bool = False,
    **settings: Any,
) -> Model:
    """Load a trained model for prediction.

    Args:
        model: a run folder, whose best model is taken; a model folder; the folder of an exported model; the name of a
            published checkpoint, such as `yolox-s-coco`, which is downloaded at the first call; with `weights`, the
            name of a model; or a detector in memory, which may be trained further: the model always has its weights.
        weights: weights of the named model: any of these except an exported model, or a file of the checkpoint that is
            published for it.
        progress: called while downloading, with the number of bytes received and in total.
        backend: "auto" takes the model's fastest export, "openvino" the one for OpenVINO, and so on, see
            `find_artefact`; by default what `model` names is taken itself.
        classes: names of the classes of a detector in memory, by label.
        image_size: size that images are resized to for a detector in memory, pixels; by default that of its model.
        trust: run an export that is a program, such as a SavedModel, even if this installation has not made it.
        settings: of the model, in place of those that it was trained with, such as `max_detections=300`; exports and
            detectors in memory have their own.

    Raises:
        BadInput: there is nothing of that name, it is damaged, the weights are of another model, there is no such
            export or setting, or a detector has another number of classes or is given with `weights` or `backend`.
        RunFailure: a checkpoint cannot be downloaded or read.
    """
    if not isinstance(model, (str, Path)):
        if weights is not None or backend is not None:
            raise BadInput("A detector in memory has weights, and runs in TensorFlow: leave out weights and backend.")
        _require_none(settings, "Give them to the detector")
        return _of_detector(model, classes, image_size)
    if classes is not None or image_size is not None:
        raise BadInput(f"{model} knows its classes and its image size: leave out classes and image_size.")
    artefact = find_artefact(model, backend, weights)
    if artefact is None:
        return _load_in_tensorflow(model, weights, progress, settings)
    _require_none(settings, "Export a model that has them")
    card = load_card(artefact)
    require_model(artefact, card.model, None if weights is None else str(model))
    return Model(open_artefact(artefact, trust), card, _again(model, weights, backend, settings))


def _require_none(settings: dict[str, Any], way_on: str) -> None:
    if settings:
        raise BadInput(f"{', '.join(settings)}: only the settings of a saved model can be changed. {way_on}.")


def _of_detector(detector: "Detector", classes: Sequence[str] | None, image_size: int | None) -> Model:
    from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
    from detect.models import name_of
    from detect.models.detector import Detector

    if not isinstance(detector, Detector):
        raise BadInput(f"Expected a path, a name or a detector of this package, got {type(detector).__name__}.")
    if classes is None or len(classes) != detector.classes:
        given = "none" if classes is None else len(classes)
        raise BadInput(f"Expected the names of the {detector.classes} classes of the detector as classes, got {given}.")
    name = name_of(detector)
    card = ModelCard(
        model=name,
        config=detector.config.model_dump(),
        classes=tuple(classes),
        category_ids=tuple(range(1, len(classes) + 1)),
        image_size=image_size or _image_size_of(detector, name),
    )
    return Model(TensorFlowBackEnd(detector, learning=True), card)


def _image_size_of(detector: "Detector", name: str) -> int:
    """Return the image size of the model that a detector is, pixels. The file of a class is not run for it."""
    from detect.models import names, variant

    row = variant(name) if name in names() else detector.variant
    if row is None:
        raise BadInput(f"{name} has no `variant`, which says its image size. Give image_size.")
    return row.image_size


def _load_in_tensorflow(
    model: str | Path, weights: str | Path | None, progress: Progress | None, settings: dict[str, Any]
) -> Model:
    from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
    from detect.models import variant
    from detect.weights.opening import open_model

    if weights is None:
        detector, card = open_model(model, progress=progress)
    else:
        variant(str(model))  # an unknown name has an error of its own
        detector, card = open_model(weights, model=str(model), progress=progress)
    if settings:
        detector = detector.with_settings(**settings)
        card = card.model_copy(update={"config": detector.config.model_dump()})
    return Model(TensorFlowBackEnd(detector), card, _again(model, weights, None, settings))


def _again(
    model: str | Path, weights: str | Path | None, backend: str | None, settings: dict[str, Any]
) -> Callable[[], Model]:
    """Return what loads the same model in another process, which may have another working directory."""
    return functools.partial(load, _absolute(model), weights and _absolute(weights), None, backend, **settings)


def _absolute(named: str | Path) -> str:
    """Return the absolute path of a file or folder; the name of a checkpoint as it is."""
    return os.path.abspath(named) if os.path.exists(named) else str(named)
