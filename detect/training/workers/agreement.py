"""What must be the same on all workers of a run."""

import hashlib
import json
from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

import detect
from detect.data.dataset import Dataset, split
from detect.errors import BadInput
from detect.models import own_files
from detect.training.run_folder import decisive
from detect.training.settings import TrainingSettings
from detect.training.workers.exchange import Workers

OWN = ("data", "model", "weights")  # settings that may be other paths on each machine; the chief's weights are sent
SHOWN = 16  # digits of a hash in messages


def require_same(workers: Workers, facts: Mapping[str, str]) -> None:
    """Raise `BadInput` on all workers where facts of one differ from those of the chief; both are named."""
    if workers.count == 1:
        return
    chief, *others = (json.loads(text) for text in workers.texts(json.dumps(dict(facts))))
    for index, other in enumerate(others, start=1):
        keys = [key for key in {**chief, **other} if chief.get(key) != other.get(key)]
        if keys:
            raise BadInput(
                f"The workers do not train the same: {workers.cluster.name(index)} differs from the chief, "
                f"{workers.cluster.name(0)}.",
                *(f"  {key}: {other.get(key)} there, {chief.get(key)} on the chief" for key in keys),
                "Start the same command, with the same data, on all of them.",
            )


def start_facts(settings: TrainingSettings, dataset: Dataset) -> dict[str, str]:
    """Return what must be the same before a run begins: versions, settings as given, and data.

    Args:
        settings: as given.
        dataset: that is trained on.
    """
    versions = {"detect": detect.__version__, "tensorflow": tf.__version__, "keras": keras.__version__}
    given = {key: repr(value) for key, value in decisive(settings).items() if key not in OWN}
    model = {"model": own_files.label(settings.model)}
    return {**versions, **given, **model, **data_facts(dataset)}


def data_facts(dataset: Dataset) -> dict[str, str]:
    """Return what must be the same in a dataset, wherever it lies: its classes, and the two splits that are used."""
    facts = {"classes": ", ".join(dataset.classes)}
    for name in ("train", "val"):
        records = split(dataset, name)
        size = f"{len(records)} images with {len(records.boxes)} boxes"
        facts[f"split {name}"] = f"{size} (SHA-256 {records.digest().hex()[:SHOWN]})"
    return facts


def state_facts(step: int, seed: int, variables: Iterable[tf.Variable]) -> dict[str, str]:
    """Return what must be the same before the first step.

    Args:
        step: updates made so far.
        seed: of all that is random.
        variables: of the model, the optimizer and the average.
    """
    hashed = hashlib.sha256()
    for variable in variables:
        hashed.update(np.asarray(variable).tobytes())
    return {"step": str(step), "seed": str(seed), "weights": f"SHA-256 {hashed.hexdigest()[:SHOWN]}"}
