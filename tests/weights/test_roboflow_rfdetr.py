"""RF-DETR's checkpoints: every tensor assigned, and the outputs of `transformers`."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from drawn_rfdetr import CLASSES, SIZES, TINY, draw, image, names_of_authors
from torch_writing import archive

from detect import models
from detect.models.rfdetr import RFDETR
from detect.weights.roboflow_rfdetr import CHECKPOINTS, UNUSED, read, targets
from detect.weights.tensors import fill


@pytest.fixture(scope="module")
def recorded():
    return np.load(Path(__file__).with_name("roboflow_rfdetr.npz"))


@pytest.fixture(scope="module")
def file(recorded, tmp_path_factory) -> Path:
    """A file as the authors' code writes it."""
    state = names_of_authors(draw(json.loads(str(recorded["shapes"]))))
    path = tmp_path_factory.mktemp("published") / "rf-detr-tiny.pth"
    path.write_bytes(archive({"model": state, "epoch": 9}))
    return path


@pytest.fixture(scope="module")
def detector(file) -> RFDETR:
    detector = models.create("rfdetr-nano", CLASSES, **TINY, max_detections=12 * CLASSES)
    fill(targets(detector, range(CLASSES)), read(file), str(file), "rfdetr-nano", UNUSED)
    return detector


@pytest.mark.parametrize("side", SIZES)
def test_all_parts_answer_as_in_transformers(detector, recorded, side):
    """Recorded of version 5.24 by tests/parity/rfdetr_reference.py; for the second size, positions are resized."""
    images = tf.constant(image(side)[None])
    features, outputs = detector.backbone(images), detector(images)
    found = {f"feature{number}": feature for number, feature in enumerate(features, start=1)}
    found["level"] = detector.projector(features)
    found["proposed_logits"], found["proposed_boxes"] = outputs["proposals"]
    found["logits"], found["boxes"] = outputs["answers"]
    for name, values in found.items():
        expected = recorded[f"{side}/{name}"]
        np.testing.assert_allclose(values, expected, atol=2e-5 * np.abs(expected).max(), err_msg=name)


@pytest.mark.parametrize("side", SIZES)
def test_detections_are_all_pairs_by_score(detector, recorded, side):
    found = detector.decode(detector(tf.constant(image(side)[None])), confidence=0.0)
    scores = 1 / (1 + np.exp(-recorded[f"{side}/logits"][-1, 0].astype(np.float64)))  # [Q, K]
    order = np.argsort(-scores, axis=None, kind="stable")
    queries, labels = np.unravel_index(order, scores.shape)
    np.testing.assert_allclose(found.scores[0], scores[queries, labels], atol=1e-5)
    x, y, width, height = recorded[f"{side}/boxes"][-1, 0][queries].T * side
    corners = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=-1)
    settled = np.abs(np.diff(scores.ravel()[order])) > 1e-5  # equal scores may be in any order
    settled = np.append(settled, True) & np.insert(settled, 0, True)
    assert np.mean(settled) > 0.9
    np.testing.assert_array_equal(found.labels[0][settled], labels[settled])
    np.testing.assert_allclose(found.boxes[0][settled], np.clip(corners, 0, side)[settled], atol=2e-3)


def test_all_weights_have_a_tensor_and_all_tensors_a_weight(detector, recorded):
    paths = [target.variable.path for target in targets(detector, range(CLASSES))]
    assert len(set(paths)) == len(paths)
    assert set(paths) == {weight.path for weight in detector.weights}
    state = names_of_authors(draw(json.loads(str(recorded["shapes"]))))
    count = sum(tensor.size for name, tensor in state.items() if not name.endswith(UNUSED))
    assert sum(np.prod(weight.shape) for weight in detector.weights) == count


def test_published_models_have_a_column_for_every_id_of_coco(detector):
    kernel = next(target for target in targets(detector) if target.name == "class_embed.weight")
    columns = kernel.convert(np.arange(91)[:, None])[0]
    assert columns.tolist() == list(CHECKPOINTS[0].category_ids)
