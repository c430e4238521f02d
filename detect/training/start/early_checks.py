"""Mistakes in a request for a training run that are found before TensorFlow is imported, which takes seconds."""

import os

from detect.data.dataset import Dataset
from detect.data.readers.description import open_dataset
from detect.models.licences import NONE, UNKNOWN, Licences, require_permitted
from detect.training.run_folder import require_free, require_place
from detect.training.settings import TrainingSettings
from detect.training.start.class_weights import require_classes
from detect.training.teachers.kept_classes import card_to_keep, require_new


def open_requested(settings: TrainingSettings, resume: bool) -> Dataset:
    """Return the dataset of a run for which everything else has been checked that can be without TensorFlow.

    Args:
        settings: as given, see `training.start.resolution`.
        resume: whether to continue a run.

    Raises:
        BadInput: a name, a path or the dataset cannot be used.
        RunFailure: the folder of the run cannot be written.
    """
    data = settings.data_licence or UNKNOWN
    require_permitted(Licences(weights=NONE, backbone=NONE, teacher=NONE, data=data), settings.licence_policy)
    # Of several workers, one creates the folder, maybe before the others come here.
    if not resume and "TF_CONFIG" not in os.environ:
        require_free(settings)
    require_place(settings)
    card = card_to_keep(settings) if settings.keep_classes else None
    dataset = open_dataset(settings.data)
    if card:
        require_new(card, dataset)
    require_classes(settings.class_weights, (*(card.classes if card else ()), *dataset.classes))
    return dataset
