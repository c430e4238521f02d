"""Losses of detectors with queries: equal to the authors' code, and rules of this project worked by hand."""

from pathlib import Path

import drawn_queries as drawn
import numpy as np
import pytest
import tensorflow as tf
from losses_of_drawn import CASES, drawn_noise, drawn_targets, losses_of
from pretended_replicas import in_replicas
from uncompiled import uncompiled
from written_targets import truth

from detect.models.query_losses import Predictions, QueryLoss, query_losses
from detect.ops.denoising import may_attend
from detect.ops.relative_boxes import from_pixels, logit
from detect.structures import Targets

RECORDED = np.load(Path(__file__).with_name("query_losses.npz"))


@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_are_those_of_the_authors_code(case):
    """Recorded by tests/parity/record_query_losses.py; losses are summed over layers."""
    values = {name: tf.constant(array) for name, array in drawn.draw().items()}
    with uncompiled(), tf.GradientTape() as tape:
        tape.watch(values)
        losses = losses_of(case, values, drawn_targets(), drawn_noise(drawn_targets()))
        total = tf.add_n(list(losses.values()))
    expected = {name.split("/")[1]: RECORDED[name] for name in RECORDED.files if name.startswith(f"{case}/")}
    assert set(losses) == {name for name in expected if not name.startswith(("gradient", "noisy"))}
    for name, loss in losses.items():
        np.testing.assert_allclose(loss, expected[name], rtol=2e-5, err_msg=name)
    for name, gradient in tape.gradient(total, values).items():
        wanted = expected.get(f"gradient of {name}", 0)
        np.testing.assert_allclose(0 if gradient is None else tf.norm(gradient), wanted, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("case", ["dfine", "rtdetr"])
def test_denoising_queries_are_those_of_the_authors_code(case):
    noise = drawn_noise(drawn_targets())
    np.testing.assert_array_equal(noise.labels, RECORDED[f"{case}/noisy/labels"])
    np.testing.assert_array_equal(~may_attend(noise.group, drawn.QUERIES).numpy(), RECORDED[f"{case}/noisy/hidden"])
    found, expected = logit(noise.boxes).numpy(), RECORDED[f"{case}/noisy/logits_of_boxes"]
    # In RT-DETR, a box whose edges have changed places becomes one without a side, here and in D-FINE one between them.
    kept = np.ones_like(found, bool) if case == "dfine" else expected > logit(0.0).numpy()
    assert np.mean(kept) > 0.4
    np.testing.assert_allclose(found[kept], expected[kept], rtol=1e-4, atol=1e-5)


def made(*queries: tuple[list[float], list[float]]) -> Predictions:
    """Return predictions of one layer for one image of 64 x 64: boxes in pixels, and the scores of two classes."""
    boxes = from_pixels(tf.constant([[[box for box, _ in queries]]], tf.float32), 64, 64)
    return Predictions(logit(tf.constant([[[scores for _, scores in queries]]], tf.float32)), boxes)


def simple_losses(predictions, targets, **options):
    with uncompiled():
        losses = query_losses(QueryLoss("matchability"), predictions, targets, (64, 64), **options)
    return {name: float(value) for name, value in losses.items()}


BOX, ELSEWHERE = [0.0, 0, 32, 32], [40.0, 40, 60, 60]


def test_losses_by_hand():
    """The first query is matched: its IoU is 1/2, its L1 distance 1/4 + 1/2, its GIoU 1/2."""
    targets = truth([(BOX, 0, False)])
    predictions = made(([0, 0, 32, 64], [0.5, 0.5]), (ELSEWHERE, [0.5, 0.5]))
    losses = simple_losses(predictions, targets)
    scores = (1 + 3 * 0.5**1.5) * np.log(2)
    expected = {"class": scores, "l1": 5 * (0.25 + 0.5), "giou": 2 * (1 - 0.5)}
    assert losses == pytest.approx(expected, rel=1e-4)


def test_queries_in_ignored_regions_are_not_background():
    """Three queries, of which one is matched, one lies in an ignored region and one elsewhere."""
    predictions = made((BOX, [0.5, 0.5]), ([34, 4, 60, 30], [0.5, 0.5]), (ELSEWHERE, [0.5, 0.5]))
    of_query = 2 * 0.5**1.5 * np.log(2)
    background = simple_losses(predictions, truth([(BOX, 0, False)]))["class"]
    ignored = simple_losses(predictions, truth([(BOX, 0, False), ([32, 0, 64, 32], 0, True)]))["class"]
    assert background - ignored == pytest.approx(of_query, rel=1e-4)
    # A query that is matched counts, even if it lies in a region.
    covered = simple_losses(predictions, truth([(BOX, 0, False), (BOX, 1, True)]))["class"]
    assert covered == pytest.approx(background, rel=1e-4)


def test_classes_that_were_not_looked_for_have_no_loss():
    """Of four answers, two are of the class that was not looked for."""
    targets = truth([(BOX, 0, False)])
    predictions = made((BOX, [0.5, 0.5]), (ELSEWHERE, [0.5, 0.5]))
    complete = simple_losses(predictions, targets)["class"]
    partly = simple_losses(predictions, targets._replace(looked_for=tf.constant([[True, False]])))["class"]
    assert complete - partly == pytest.approx(2 * 0.5**1.5 * np.log(2), rel=1e-4)


def test_class_weights_count_for_matched_queries():
    targets = truth([(BOX, 1, False)])
    predictions = made((BOX, [0.5, 0.5]), (ELSEWHERE, [0.5, 0.5]))
    even, heavy = (simple_losses(predictions, targets, class_weights=weights)["class"] for weights in ([1, 1], [9, 3]))
    assert heavy - even == pytest.approx(2 * (1 + 0.5**1.5) * np.log(2), rel=1e-4)


def test_images_without_boxes_teach_that_there_is_nothing():
    predictions = made((BOX, [0.5, 0.5]), (ELSEWHERE, [0.5, 0.5]))
    losses = simple_losses(predictions, truth([]))
    assert losses == pytest.approx({"class": 4 * 0.5**1.5 * np.log(2), "l1": 0, "giou": 0}, rel=1e-4)


def test_targets_without_rows_are_images_without_boxes():
    targets = Targets(tf.zeros([1, 0, 4]), tf.zeros([1, 0], tf.int32), tf.zeros([1, 0], tf.bool))
    losses = simple_losses(made((BOX, [0.5, 0.5]), (ELSEWHERE, [0.5, 0.5])), targets)
    assert losses == pytest.approx({"class": 4 * 0.5**1.5 * np.log(2), "l1": 0, "giou": 0}, rel=1e-4)


def test_more_boxes_than_queries():
    """The box that has no query does not count, but in the number of boxes."""
    targets = truth([(BOX, 0, False), (ELSEWHERE, 1, False)])
    losses = simple_losses(made((BOX, [0.5, 0.5])), targets)
    assert losses == pytest.approx({"class": (1 + 0.5**1.5) * np.log(2) / 2, "l1": 0, "giou": 0}, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_several_replicas_add_up_to_one(case):
    """The first replica has one image, the second one two."""
    targets, values = drawn_targets(), {name: tf.constant(array) for name, array in drawn.draw().items()}
    by_layer = ("logits", "boxes", "corners")

    def of_replica(replica):
        images = [slice(0, 1), slice(1, 3)][replica]
        own = {name: rows[:, images] if name in by_layer else rows[images] for name, rows in values.items()}
        noise = drawn_noise(targets)
        noise = noise._replace(indices=noise.indices[images])
        return losses_of(case, own, Targets(*(rows[images] for rows in targets.truth)), noise)

    with uncompiled():
        together = losses_of(case, values, targets, drawn_noise(targets))
        first, second = in_replicas(of_replica)
    assert set(together) == set(first)
    for name, loss in together.items():
        np.testing.assert_allclose(first[name] + second[name], loss, rtol=1e-4, err_msg=name)
