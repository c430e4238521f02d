"""DEIMv2: what its sizes learn, and when they match otherwise; for the network see tests/weights."""

import numpy as np
import pytest
from light_models import pictures, truth
from measuring.first_models import CLASSES, create_light
from uncompiled import uncompiled

from detect import models
from detect.models.deimv2 import DEIMv2

LIGHT = {"channels": 32, "encoder_hidden": 32, "hidden": 32, "layers": 2, "queries": 30, "denoising": 4}


@pytest.fixture(scope="module")
def lite() -> DEIMv2:
    return create_light("deimv2-atto")


@pytest.fixture(scope="module")
def hybrid() -> DEIMv2:
    return models.create("deimv2-n", CLASSES, **LIGHT)


def losses_of(detector: DEIMv2, closing: float = 0.0) -> dict[str, float]:
    detector.seed.start(0)
    targets = truth(detector)
    with uncompiled():
        outputs = detector(pictures(detector), targets=targets, training=True)
        losses = detector.loss(outputs, targets, closing)
    return {name: float(loss) for name, loss in losses.items()}


def test_only_the_larger_one_learns_distributions(lite, hybrid):
    both = {"class", "l1", "giou", "proposals", "denoising"}
    assert set(losses_of(lite)) == both
    assert set(losses_of(hybrid)) == both | {"fgl", "ddf"}


def test_queries_are_matched_otherwise_in_the_closing_phase(lite):
    early, late = losses_of(lite), losses_of(lite, closing=1.0)
    assert early["denoising"] == pytest.approx(late["denoising"], rel=1e-5)  # which are not matched
    assert abs(late["l1"] - early["l1"]) > 1e-3


def test_queries_stand_for_tokens_of_two_levels(lite, hybrid):
    """16 of stride 16 and 4 of stride 32, in an image of 64 x 64 pixels."""
    for detector in (lite, hybrid):
        assert detector(pictures(detector))["boxes"].shape == (2, 20, 4)


def test_the_published_probabilities_of_mosaics_are_means_over_their_epochs():
    """Epochs 5 to 250 of 468 and 5 to 78 of 148: in all others there are none."""
    recipes = {name: models.variant(f"deimv2-{name}").recipe for name in ("atto", "pico", "n")}
    found = [recipe["pipeline.augmentation.mosaic"] for recipe in recipes.values()]
    np.testing.assert_allclose(found, [0.3 * 246 / 468, 0.5 * 246 / 468, 0.25])
    assert recipes["n"]["schedule.closing"] == pytest.approx(12 / 160)
