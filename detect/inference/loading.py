"""Loading a trained model for prediction: `detect.load`."""

from pathlib import Path

from detect.errors import BadInput
from detect.inference.exports import find_artefact, open_artefact
from detect.inference.predictor import Model
from detect.models.card import load_card
from detect.weights.download import Progress


def load(
    path: str | Path,
    weights: str | Path | None = None,
    progress: Progress | None = None,
    backend: str | None = None,
) -> Model:
    """Load a trained model for prediction.

    Args:
        path: a run folder, whose best model is taken; a model folder; the folder of an exported model; the name of a
            published checkpoint, such as `yolox-s-coco`, which is downloaded at the first call; or, with `weights`, the
            name of a model.
        weights: weights of the named model: any of these except an exported model, or a file of the checkpoint that is
            published for it.
        progress: called while downloading, with the number of bytes received and in total.
        backend: "auto" takes the model's fastest export, "openvino" the one for OpenVINO, and so on, see
            `find_artefact`; by default what is at `path` is taken itself.

    Raises:
        BadInput: there is nothing of that name, it is damaged, the weights are of another model, or there is no such
            export.
        RunFailure: a checkpoint cannot be downloaded or read.
    """
    artefact = find_artefact(path if weights is None else weights, backend)
    if artefact is None:
        return _load_in_tensorflow(path, weights, progress)
    card = load_card(artefact)
    if weights is not None and card.model != str(path):
        raise BadInput(f"{artefact} contains a {card.model}, not a {path}: give {card.model} as the model.")
    return Model(open_artefact(artefact), card)


def _load_in_tensorflow(path: str | Path, weights: str | Path | None, progress: Progress | None) -> Model:
    from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
    from detect.models import variant
    from detect.weights.opening import open_model

    if weights is None:
        detector, card = open_model(path, progress=progress)
    else:
        variant(str(path))  # an unknown name has an error of its own
        detector, card = open_model(weights, model=str(path), progress=progress)
    return Model(TensorFlowBackEnd(detector), card)
