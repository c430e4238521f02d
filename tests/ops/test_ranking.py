"""The best pairs of box and class, against a plain sort."""

import numpy as np
import pytest

from detect.ops.ranking import best_detections

BOXES = np.arange(12, dtype=np.float32).reshape(1, 3, 4)


@pytest.mark.parametrize("runtime", ["portable", "minimal", "accelerator"])
def test_a_box_may_be_several_detections(runtime):
    scores = np.float32([[[0.9, 0.1], [0.2, 0.3], [0.05, 0.8]]])
    found = best_detections(BOXES, scores, confidence=0.15, max_detections=6, runtime=runtime)
    np.testing.assert_array_equal(found.labels, [[0, 1, 1, 0, -1, -1]])
    np.testing.assert_allclose(found.scores, [[0.9, 0.8, 0.3, 0.2, 0, 0]])
    np.testing.assert_array_equal(found.boxes[0], [*BOXES[0, [0, 2, 1, 1]], np.zeros(4), np.zeros(4)])


@pytest.mark.parametrize("runtime", ["portable", "minimal", "accelerator"])
def test_only_the_best_are_kept(runtime):
    random = np.random.RandomState(0)
    boxes = np.sort(random.uniform(size=[2, 20, 2, 2]).astype(np.float32), axis=2).reshape(2, 20, 4)
    scores = random.uniform(size=[2, 20, 5])
    found = best_detections(boxes, np.float32(scores), confidence=0.0, max_detections=30, runtime=runtime)
    for image in range(2):
        order = np.argsort(-scores[image].ravel())[:30]
        np.testing.assert_array_equal(found.labels[image], order % 5)
        np.testing.assert_array_equal(found.boxes[image], boxes[image, order // 5])
        np.testing.assert_allclose(found.scores[image], scores[image].ravel()[order], rtol=1e-6)


def test_without_boxes_all_rows_are_padding():
    found = best_detections(BOXES[:, :0], np.zeros([1, 0, 2], np.float32), confidence=0.1, max_detections=2)
    np.testing.assert_array_equal(found.labels, [[-1, -1]])
    np.testing.assert_array_equal(found.scores, [[0, 0]])
