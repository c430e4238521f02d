"""Object detection for TensorFlow and Keras: from a folder of pictures to a trained detector.

    import detect

    model = detect.load("runs/bccd")
    for result in model.predict("pictures/"):
        print(result.image_path, result.names, result.boxes)

The functions of `__all__` are imported on first use, so that `import detect` itself is instant.
"""

import importlib
import os
from typing import Any

from detect.machine import core_limit

__version__ = "0.2.0"

# albumentations asks the package index for its newest version when imported, and waits when there is no network.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
# TensorFlow's notices about CPU features and missing GPUs help no user; what goes wrong is raised as an error.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# It would start as many threads as the machine has cores, where a container has a share of them.
if _limit := core_limit():
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(_limit))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(_limit))

_PUBLIC = {
    "train": "detect.training.training_run",
    "train_several": "detect.training.several_trained",
    "TrainingCallback": "detect.training.callbacks",
    "StopTraining": "detect.training.callbacks",
    "evaluate": "detect.evaluation.evaluation_run",
    "set_thresholds": "detect.evaluation.threshold_run",
    "CocoScores": "detect.evaluation.fit_scores",
    "load": "detect.inference.loading",
    "export": "detect.export.export_run",
    "check_export": "detect.export.golden_check",
    "benchmark": "detect.export.comparison",
    "open_dataset": "detect.data.readers.description",
    "convert": "detect.data.curation.converting",
    "divide": "detect.data.curation.dividing",
    "merge": "detect.data.merging",
    "sample": "detect.data.curation.subset",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'detect' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
