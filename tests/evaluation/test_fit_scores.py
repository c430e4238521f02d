"""The callback that scores a detector in the course of Keras' `fit`."""

from types import SimpleNamespace

import pytest

import detect
from detect import models
from detect.data.shapes import write_shapes
from detect.errors import BadInput
from detect.evaluation import fit_scores


def test_the_scores_of_each_epoch_are_in_the_logs(tmp_path, monkeypatch):
    data = detect.open_dataset(write_shapes(tmp_path, train=1, val=1, image_size=64))
    scored = []

    def evaluate(*arguments):
        scored.append(arguments)
        lost = "1 image could not be read"
        return SimpleNamespace(AP=0.25, AP50=0.5, AP75=0.125, AR100=0.75, notes=(*data.notes, lost))

    monkeypatch.setattr(fit_scores, "evaluate", evaluate)
    detector, logs = models.without_weights("yolox-micro", len(data.classes)), {"loss": 1.0}
    callback = detect.CocoScores(data, image_size=64)
    callback.set_model(detector)
    callback.on_train_begin()
    with pytest.warns(UserWarning, match="1 image") as warned:
        callback.on_epoch_end(0, logs)
    assert len(warned) == 1
    assert logs == {"loss": 1.0, "val_AP": 0.25, "val_AP50": 0.5, "val_AP75": 0.125, "val_AR100": 0.75}
    [(model, dataset, split)] = scored
    assert (model.backend.detector, dataset, split, model.image_size) == (detector, data, "val", 64)

    with pytest.raises(BadInput, match="no split 'tset'"):
        detect.CocoScores(data, split="tset")
    callback.set_model(models.without_weights("yolox-micro", len(data.classes) + 1))
    with pytest.raises(BadInput, match=f"names of the {len(data.classes) + 1} classes"):
        callback.on_train_begin()
