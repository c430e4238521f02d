"""Licences that a model inherits from what it is made of, and policies that refuse some."""

import pytest

from detect.errors import BadInput
from detect.models.card import ModelCard, licences_of
from detect.models.licences import NONE, Licences, permits, require_permitted, require_policy
from detect.training.settings import TrainingSettings
from detect.training.start.early_checks import open_requested

COCO = "Apache-2.0; trained on COCO"
SCRATCH = Licences(weights=NONE, backbone=NONE, teacher=NONE, data="own")


def card(**licences) -> ModelCard:
    return ModelCard(model="yolox-micro", config={}, classes=("cat",), category_ids=(1,), image_size=64, **licences)


def test_a_published_checkpoint_has_the_licence_that_its_publisher_states():
    licences = licences_of(card(licence=COCO))
    assert licences.parts() == {"code": "Apache-2.0", "weights": COCO}
    assert str(licences) == f"code Apache-2.0, weights {COCO}"


def test_of_a_card_of_an_earlier_version_nothing_is_known():
    assert {*licences_of(card()).parts().values()} == {"Apache-2.0", "unknown"}
    assert licences_of(card(licences=SCRATCH)) == SCRATCH


def test_weights_inherit_the_licences_of_all_that_they_are_made_of():
    first = SCRATCH.model_copy(update={"weights": licences_of(card(licence=COCO)).descent(), "data": "CC-BY-4.0"})
    assert first.weights == COCO
    second = SCRATCH.model_copy(update={"weights": first.descent(), "teacher": "MIT"})
    assert second.weights == f"{COCO} + CC-BY-4.0"
    assert second.descent() == f"{COCO} + CC-BY-4.0 + MIT + own"
    assert Licences(weights=NONE, backbone=NONE, teacher=NONE, data=NONE).descent() == NONE


@pytest.mark.parametrize("licence", ["MIT", "cc by 4.0", "own", COCO, f"{COCO} + CC-BY-4.0", "none"])
def test_permissive_licences(licence):
    assert permits(licence)


@pytest.mark.parametrize("licence", ["AGPL-3.0", "CC-BY-NC-4.0", "CC-BY-SA-4.0", "unknown", "", "MIT + GPL-3.0-only"])
def test_other_licences(licence):
    assert not permits(licence)


def test_a_refusal_names_every_part_and_the_way_on():
    require_permitted(Licences(), "any")
    require_permitted(SCRATCH, "permissive")
    licences = SCRATCH.model_copy(update={"weights": "AGPL-3.0", "data": "unknown"})
    with pytest.raises(BadInput) as error:
        require_permitted(licences, "permissive")
    assert str(error.value) == (
        "--licence-policy permissive refuses this model. "
        "weights: AGPL-3.0 is not permissive. Start from other weights, or from --weights none. "
        "data: its licence is not known. "
        "State that of your dataset with --set data_licence=CC-BY-4.0, or data_licence=own if it is yours."
    )


def test_a_policy_that_does_not_exist():
    with pytest.raises(BadInput, match="--licence-policy: expected any or permissive, got 'free'"):
        require_policy("free")


def test_data_without_a_licence_is_refused_before_it_is_opened():
    with pytest.raises(BadInput, match="data: its licence is not known"):
        open_requested(TrainingSettings(data="nothing", licence_policy="permissive"), resume=False)
