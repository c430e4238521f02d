"""Mistakes in a request for a training run that are found before TensorFlow is imported, which takes seconds."""

from detect.data.dataset import Dataset
from detect.data.readers.description import open_dataset
from detect.models.licences import NONE, UNKNOWN, Licences, require_permitted
from detect.training.reporting.loggers import require_usable
from detect.training.run_folder import require_free, require_place
from detect.training.settings import TrainingSettings
from detect.training.start.class_weights import require_classes
from detect.training.teachers.kept_classes import card_to_keep, require_new
from detect.training.workers.cluster import read_cluster


def open_requested(settings: TrainingSettings, resume: bool) -> Dataset | None:
    """Return the dataset of a run for which everything else has been checked that can be without TensorFlow.

    Of several workers none opens it here: what is wrong on one must be told to the others, see `Workers.together`.

    Args:
        settings: as given, see `training.start.resolution`.
        resume: whether to continue a run.

    Raises:
        BadInput: a name, a path or the dataset cannot be used.
        RunFailure: the folder of the run cannot be written.
    """
    data = settings.data_licence or UNKNOWN
    require_permitted(Licences(weights=NONE, backbone=NONE, teacher=NONE, data=data), settings.licence_policy)
    require_usable(settings.loggers)
    card = card_to_keep(settings) if settings.keep_classes else None
    if len(read_cluster().addresses) > 1:
        return None
    if not resume:
        require_free(settings)
    require_place(settings)
    dataset = open_dataset(settings.data)
    if card:
        require_new(card, dataset)
    require_classes(settings.class_weights, (*(card.classes if card else ()), *dataset.classes))
    return dataset
