"""Run a SavedModel by TensorFlow, without Keras and without the models of this toolkit."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from detect.artefacts.artefact_backend import Run
from detect.artefacts.export_card import OUTPUTS
from detect.artefacts.format import unusable
from detect.formats.savedmodel import signature_name


def open_file(path: Path) -> Run:
    """See `Reader`. The size of the images selects the signature."""
    try:
        saved = tf.saved_model.load(str(path))
    except Exception as error:  # damaged files raise many classes
        raise unusable(path, "TensorFlow", error) from None

    def run(values: dict[str, np.ndarray]) -> list[np.ndarray]:
        name = signature_name(*values["images"].shape[1:3])
        if name not in saved.signatures:
            raise unusable(path, "TensorFlow", ValueError(f"it has no signature {name!r}"))
        step = saved.signatures[name]
        found = step(**{name: tf.constant(value) for name, value in values.items()})
        return [found[name].numpy() for name in OUTPUTS if name in found]

    return run
