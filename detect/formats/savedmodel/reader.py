"""A detector exported as a TensorFlow SavedModel, run by TensorFlow without Keras and without our models."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from detect.artefacts.artefact_backend import ArtefactBackEnd, Run
from detect.artefacts.export_card import OUTPUTS, ExportCard
from detect.errors import BadInput

VERSION = "1"  # the folder of the SavedModel; TensorFlow Serving wants one whose name is a number


def open_folder(folder: Path, card: ExportCard) -> ArtefactBackEnd:
    """What runs the artefact in this folder; BadInput where TensorFlow cannot read it."""
    path = folder / VERSION
    try:
        saved = tf.saved_model.load(str(path))
    except Exception as error:  # of the many that reading damaged files may raise
        reason = str(error).strip().splitlines()[-1]
        raise BadInput(f"{path} cannot be run by TensorFlow: {reason} Copy it again, or export it again.") from None

    def open_canvas(height: int, width: int) -> Run:
        step = saved.signatures[signature_name(height, width)]

        def run(values: dict[str, np.ndarray]) -> list[np.ndarray]:
            found = step(**{name: tf.constant(value) for name, value in values.items()})
            return [found[name].numpy() for name in OUTPUTS if name in found]

        return run

    return ArtefactBackEnd(card, open_canvas)


def signature_name(height: int, width: int) -> str:
    """The signature for images of this size."""
    return f"images_{height}x{width}"
