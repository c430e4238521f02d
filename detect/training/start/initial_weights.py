"""Initial weights of a model: random, a backbone trained on ImageNet, or a whole detector, published or the user's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from detect.errors import BadInput, DetectError, RunFailure, did_you_mean
from detect.layers.keras_backbone import KerasBackbone
from detect.models.card import ModelCard, model_folder
from detect.models.detector import Detector
from detect.models.licences import NONE, UNKNOWN
from detect.training.model_choice import WORDS, unknown_weights
from detect.training.start.class_layers import ClassLayer, by_name, class_layers
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


def start_from(
    detector: Detector, classes: tuple[str, ...], weights: str, source: Source | None, keep_classes: bool = False
) -> Start:
    """Load initial weights into `detector`, and return what they are.

    Args:
        detector: with random weights.
        classes: names of its classes.
        weights: the setting, used without a `source`. `auto` loads ImageNet weights into the backbone if they exist and
            can be downloaded, and leaves random ones otherwise; `imagenet` requires them.
        source: the trained detector to start from, if any.
        keep_classes: whether its classes, which are among `classes`, keep their weights in the class layers where other
            classes are added.

    Raises:
        BadInput: the weights do not fit; those that do not are named, and nothing is changed.
        RunFailure: the download failed.
    """
    if source is not None:
        return Start(_go_on(detector, classes, source, keep_classes))
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
    return Source(weights, card, {name: weight.numpy() for name, weight in by_name(detector).items()})


def _go_on(detector: Detector, classes: tuple[str, ...], source: Source, keep_classes: bool) -> str:
    """Load all weights of `source`; where the classes are not the same, those of single classes only to keep them."""
    layers = class_layers(detector) if classes != source.card.classes else {}
    _require_fitting(detector, source, layers, len(source.card.classes))
    labels = [classes.index(name) for name in source.card.classes] if keep_classes else []
    for name, weight in by_name(detector).items():
        if name not in layers:
            weight.assign(source.tensors[name])
        elif keep_classes:
            weight.assign(layers[name].with_kept(weight.numpy(), source.tensors[name], labels))
    licence = f" (licence: {source.card.licence})" if source.card.licence else ""
    taken = f"{len(detector.weights) - len(layers)} of {len(detector.weights)} tensors from {source.name}{licence}"
    return f"Weights: {taken}{_about_class_layers(sorted(layers), labels)}."


def _about_class_layers(layers: list[str], labels: list[int]) -> str:
    """Return the end of a sentence about the weights in `layers`, in which those of the classes `labels` were kept."""
    if not layers:
        return ""
    if labels:
        return f", and in {len(layers)} more those of its {len(labels)} classes; random: those of the added classes"
    return f"; random: {_listed(layers)}, because the classes differ"


def _require_fitting(detector: Detector, source: Source, layers: Mapping[str, ClassLayer], classes: int) -> None:
    """Raise `BadInput` where the weights of `source`, which has some `classes`, do not fit the detector."""
    here = by_name(detector)
    shapes = {name: layers[name].shape_for(classes) if name in layers else tuple(here[name].shape) for name in here}
    problems = [f"{name} is missing" for name in here if name not in source.tensors]
    problems += [f"{name} is not part of this model" for name in source.tensors if name not in here]
    for name, shape in shapes.items():
        there = source.tensors.get(name)
        if there is not None and there.shape != shape:
            problems.append(f"{name} is {list(there.shape)} there and {list(shape)} here")
    if problems:
        raise BadInput(
            f"--weights: {source.name} ({source.card.model}) does not fit this model: {_listed(problems)}. "
            "Train with its architecture."
        )


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
    said = f"Weights: backbone {published} trained on ImageNet, the rest random."
    return Start(said, backbones.licence_of(published))


def _listed(parts: list[str]) -> str:
    return "; ".join(parts[:SHOWN]) + (f"; and {len(parts) - SHOWN} more" if len(parts) > SHOWN else "")
