"""What a model starts from: random weights, a backbone trained on ImageNet, or an earlier detector."""

from pathlib import Path

from detect.errors import BadInput, RunFailure
from detect.models import saving
from detect.models.detector import Detector
from detect.weights import backbones


def start_from(detector: Detector, weights: str) -> str:
    """Fill `detector` as the setting `weights` says; returns a line that says what was done.

    `auto` takes ImageNet weights where there are some for the backbone and they can be had, and otherwise goes on
    from random weights; `imagenet` insists.

    Raises:
        BadInput: there is no such file or folder, or nothing in it fits.
        RunFailure: the download failed.
    """
    if weights == "none":
        return "Weights: random."
    published = backbones.backbone_weights(detector)
    if weights in ("auto", "imagenet"):
        return _from_imagenet(detector, published, required=weights == "imagenet")
    path = Path(weights)
    if path.is_dir():
        return _from_detector(detector, path)
    if path.is_file():
        backbones.load_backbone(detector, weights)
        return f"Weights: backbone from {path}, the rest random."
    raise BadInput(
        f"weights: expected auto, imagenet, none, a run or model folder, or a file of backbone weights; "
        f"{weights!r} is none of these."
    )


def _from_imagenet(detector: Detector, published: str | None, required: bool) -> str:
    if published is None:
        if required:
            raise BadInput("weights=imagenet: nobody publishes ImageNet weights for this model's backbone; use none.")
        return "Weights: random (there are no published ones for this backbone)."
    try:
        backbones.load_backbone(detector, published)
    except (BadInput, RunFailure) as error:
        if required:
            raise
        return f"Weights: random. ImageNet weights for the backbone would train better, but: {error}"
    return f"Weights: backbone {published} trained on ImageNet, the rest random."


def _from_detector(detector: Detector, path: Path) -> str:
    folder = path / "best" if (path / "best").is_dir() else path
    source, card = saving.load(folder)
    theirs = {weight.path.partition("/")[2]: weight for weight in source.weights}
    kept, fresh = 0, []
    for weight in detector.weights:
        match = theirs.get(weight.path.partition("/")[2])
        if match is not None and match.shape == weight.shape:
            weight.assign(match)
            kept += 1
        else:
            fresh.append(weight.path)
    if not kept:
        raise BadInput(f"weights: nothing in {path} ({card.model}) fits this model.")
    ours = f"; random: {', '.join(fresh)}" if fresh else ""
    return f"Weights: {kept} of {len(detector.weights)} tensors from {path} ({card.model}){ours}."
