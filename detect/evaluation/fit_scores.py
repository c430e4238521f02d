"""COCO scores in the course of Keras' `fit`."""

import warnings
from pathlib import Path
from typing import Any

import keras

from detect.data.dataset import Dataset, scored_split
from detect.data.readers.description import open_dataset
from detect.evaluation.evaluation_run import evaluate
from detect.inference.loading import load

LOGGED = ("AP", "AP50", "AP75", "AR100")


class CocoScores(keras.callbacks.Callback):
    """Scores the detector on a split of a dataset after each epoch of `fit`, and adds the scores to the logs.

    They are called after the split: `val_AP`, `val_AP50`, `val_AP75` and `val_AR100`, each in 0..1. `History` has
    them, and callbacks that come after this one can use them:
    `keras.callbacks.ModelCheckpoint("best.keras", monitor="val_AP", mode="max", save_best_only=True)`.

    Args:
        data: anything that `detect.open_dataset` takes, with the classes of the detector in their order.
        split: the images to score on, see `detect.evaluate`.
        image_size: size that images are resized to, pixels; by default that of the detector's model.

    Raises:
        BadInput: the data cannot be used, or does not have the split; when `fit` begins, also where the detector has
            another number of classes.
    """

    def __init__(self, data: str | Path | Dataset, split: str = "val", image_size: int | None = None):
        super().__init__()
        self.dataset = open_dataset(data)
        scored_split(self.dataset, split)  # not after an epoch of training
        self.split = split
        self.image_size = image_size

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.scored = load(self.model, classes=self.dataset.classes, image_size=self.image_size)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        scores = evaluate(self.scored, self.dataset, self.split)
        for note in scores.notes:
            if note not in self.dataset.notes:
                warnings.warn(note, stacklevel=2)  # Python shows each of them once
        if logs is not None:
            logs.update({f"{self.split}_{name}": getattr(scores, name) for name in LOGGED})
