"""Initial weights of a model: random, a backbone trained on ImageNet, or a whole detector, published or the user's."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from detect.errors import BadInput, DetectError, RunFailure, did_you_mean
from detect.layers.keras_backbone import KerasBackbone
from detect.models.card import ModelCard, model_folder
from detect.models.detector import Detector
from detect.models.licences import NONE, UNKNOWN
from detect.training.model_choice import WORDS, unknown_weights
from detect.weights import backbones
from detect.weights.download import Progress
from detect.weights.importing import ForeignFileError, checkpoint_of, checkpoints
from detect.weights.opening import open_model

SHOWN = 8  # most tensors that a message names


class Source(NamedTuple):
    """A trained detector to start from."""

    name: str  # as the user knows it
    card: ModelCard
    tensors: dict[str, np.ndarray]  # by name of the weight within the detector


class Start(NamedTuple):
    """The initial weights of a run."""

    said: str  # a line about them for the user
    backbone: str = NONE  # licence of the backbone


def find_source(
    model: str, weights: str, architecture: dict[str, Any], progress: Progress | None = None
) -> tuple[Source | None, str]:
    """Return the trained detector that the setting `weights` names.

    It comes before the detector of the run is created, because it may decide about the architecture.

    Args:
        model: name of the model to train.
        weights: the setting. `auto` is the checkpoint that is published for the model, provided that there is one, that
            it can be downloaded, and that `architecture` is empty. A folder, a checkpoint or a file is required.
        architecture: settings of the model that the user has changed.
        progress: called while downloading.

    Returns:
        The detector, or None where the setting does not name a whole detector; and a message for the user, often empty.

    Raises:
        BadInput: nothing has that name, or it is damaged or of another model.
        RunFailure: a checkpoint that was named cannot be downloaded.
    """
    if weights == "auto":
        return _published(model, architecture, progress)
    if weights in WORDS:
        return None, ""
    path = Path(weights)
    if model_folder(path) is None and weights not in checkpoints() and not path.is_file():
        raise unknown_weights(weights, did_you_mean(weights, checkpoints()))
    if path.is_file() and checkpoint_of(model) is None:
        return None, ""  # of a backbone: nothing else is published
    try:
        return _open(model, weights, progress), ""
    except ForeignFileError:
        return None, ""  # of a backbone, if of anything


def start_from(detector: Detector, classes: tuple[str, ...], weights: str, source: Source | None) -> Start:
    """Load initial weights into `detector`, and return what they are.

    Args:
        detector: with random weights.
        classes: names of its classes.
        weights: the setting, used without a `source`. `auto` loads ImageNet weights into the backbone if they exist and
            can be downloaded, and leaves random ones otherwise; `imagenet` requires them.
        source: the trained detector to start from, if any.

    Raises:
        BadInput: the weights do not fit; those that do not are named, and nothing is changed.
        RunFailure: the download failed.
    """
    if source is not None:
        return Start(_go_on(detector, classes, source))
    if weights == "none":
        return Start("Weights: random.")
    if weights in WORDS:
        return _from_imagenet(detector, required=weights == "imagenet")
    backbones.load_backbone(detector, weights)
    return Start(f"Weights: backbone from {weights}, the rest random.", UNKNOWN)


def _published(model: str, architecture: dict[str, Any], progress: Progress | None = None) -> tuple[Source | None, str]:
    checkpoint = checkpoint_of(model)
    if checkpoint is None:
        return None, ""
    if architecture:
        reason = f"architecture was changed. To start from it anyway, give --weights {checkpoint.name}."
        return None, f"Not starting from {checkpoint.name}: {reason}"
    try:
        return _open(model, checkpoint.name, progress), ""
    except RunFailure as error:
        return None, f"Starting from {checkpoint.name} would train better, but: {error}"


def _open(model: str, weights: str, progress: Progress | None) -> Source:
    detector, card = open_model(weights, model, progress)
    return Source(weights, card, {name: weight.numpy() for name, weight in _by_name(detector).items()})


def _go_on(detector: Detector, classes: tuple[str, ...], source: Source) -> str:
    """Load all weights of `source` but those of single classes where the classes are not the same."""
    names = _class_weights(detector) if classes != source.card.classes else set()
    kept = {name: weight for name, weight in _by_name(detector).items() if name not in names}
    problems = [f"{name} is missing" for name in kept if name not in source.tensors]
    problems += [f"{name} is not part of this model" for name in source.tensors if name not in {*kept, *names}]
    for name, weight in kept.items():
        there, here = source.tensors.get(name), tuple(weight.shape)
        if there is not None and there.shape != here:
            problems.append(f"{name} is {list(there.shape)} there and {list(here)} here")
    if problems:
        raise BadInput(
            f"--weights: {source.name} ({source.card.model}) does not fit this model: {_listed(problems)}. "
            "Train with its architecture."
        )
    for name, weight in kept.items():
        weight.assign(source.tensors[name])
    rest = f"; random: {_listed(sorted(names))}, because the classes differ" if names else ""
    licence = f" (licence: {source.card.licence})" if source.card.licence else ""
    return f"Weights: {len(kept)} of {len(detector.weights)} tensors from {source.name}{licence}{rest}."


def _pretrained(backbone: KerasBackbone, required: bool) -> Start:
    """Load the weights that the user's file has for its backbone, if any, and return what they are."""
    if backbone.pretrained is None:
        if required:
            raise BadInput("--weights imagenet: the backbone has no `pretrained`. Use --weights none.")
        return Start("Weights: random.")
    try:
        backbone.load_pretrained()
    except DetectError as error:
        if required:
            raise
        return Start(f"Weights: random. Trained ones for the backbone would be better, but: {error}")
    return Start("Weights: pretrained backbone, the rest random.", UNKNOWN)


def _from_imagenet(detector: Detector, required: bool) -> Start:
    backbone = getattr(detector, "backbone", None)
    if isinstance(backbone, KerasBackbone):
        return _pretrained(backbone, required)
    published = backbones.backbone_weights(detector)
    if published is None:
        if required:
            raise BadInput(
                "--weights imagenet: no ImageNet weights are published for this model's backbone. Use --weights none."
            )
        return Start("Weights: random (none are published for this backbone).")
    try:
        backbones.load_backbone(detector, published)
    except DetectError as error:
        if required:
            raise
        return Start(f"Weights: random. ImageNet weights for the backbone would train better, but: {error}")
    return Start(f"Weights: backbone {published} trained on ImageNet, the rest random.", backbones.LICENCE)


def _by_name(detector: Detector) -> dict[str, Any]:
    """Return the weights of a detector by names that are the same for every detector of its class.

    They are paths without the name of the detector, which depends on what was created before. So do all names within a
    network of Keras that was made on its own: there it is the position among all weights.
    """
    prefix = f"{detector.name}/"
    named = {}
    for position, weight in enumerate(detector.weights):
        path = weight.path
        inner = path.startswith(prefix)
        named[path.removeprefix(prefix) if inner else f"{position}/{path.rpartition('/')[2]}"] = weight
    return named


def _class_weights(detector: Detector) -> set[str]:
    """Names of the weights that belong to single classes: those whose shape depends on the number of classes.

    A second detector, with one class more, tells which they are: the shapes of the source cannot, since it may have
    other classes in the same number, or another architecture.
    """
    larger = detector.like(classes=detector.classes + 1)
    shapes = {name: weight.shape for name, weight in _by_name(larger).items()}
    return {name for name, weight in _by_name(detector).items() if weight.shape != shapes[name]}


def _listed(parts: list[str]) -> str:
    return "; ".join(parts[:SHOWN]) + (f"; and {len(parts) - SHOWN} more" if len(parts) > SHOWN else "")
