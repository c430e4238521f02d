"""How the words of a command become settings."""

import pytest

from detect import models
from detect.errors import BadInput
from detect.models.detector import DetectorConfig, Variant
from detect.training.resolution import DEFAULT_EPOCHS, resolve_settings, seconds

GIVEN = {"data": "d", "model": "yolox-nano"}


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("30m", 1800), ("1.5h", 5400), ("0.5H", 1800)])
def test_seconds(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "m", "-5m", "0", "ten minutes", "nan", "infs"])
def test_a_time_that_is_none(text):
    with pytest.raises(BadInput, match="max-time"):
        seconds(text)


def test_a_time_without_a_unit_may_be_any():
    with pytest.raises(BadInput, match=r"--max-time: 45 seconds, minutes or hours\? Give 45s, 45m or 45h"):
        seconds("45")


def test_nothing_is_left_open():
    settings = resolve_settings(GIVEN, [])
    assert settings.image_size == 416  # yolox-nano's own
    assert settings.epochs == DEFAULT_EPOCHS


def test_assignments_come_last():
    settings = resolve_settings({**GIVEN, "batch_size": 4}, ["batch_size=8", "optimizer.name=sgd"])
    assert settings.batch_size == 8
    assert settings.optimizer.name == "sgd"


def test_the_papers_recipe_gives_way_to_what_is_given():
    settings = resolve_settings({**GIVEN, "epochs": 3.0}, ["recipe=paper", "optimizer.weight_decay=0.1"])
    assert settings.optimizer.name == "sgd"
    assert settings.epochs == 3
    assert settings.optimizer.weight_decay == 0.1


def test_a_group_of_settings_may_be_given_in_part():
    given = {**GIVEN, "epochs": 3.0, "optimizer": {"learning_rate": 0.125}}
    settings = resolve_settings({**given, "recipe": "paper"}, [])
    assert (settings.optimizer.learning_rate, settings.optimizer.name, settings.epochs) == (0.125, "sgd", 3)
    settings = resolve_settings(given, ["optimizer.weight_decay=0.5"])
    assert (settings.optimizer.learning_rate, settings.optimizer.weight_decay) == (0.125, 0.5)


def test_an_architecture_that_is_set_is_merged_into_that_of_the_recipe():
    given = {"data": "d", "model": "retinanet-r50"}
    settings = resolve_settings(given, ["recipe=paper", "architecture={filters: 64}"])
    assert settings.architecture == {"norm": "frozen", "filters": 64}
    settings = resolve_settings(given, ["recipe=paper", "architecture={norm: batch}", "architecture.depth=18"])
    assert settings.architecture == {"norm": "batch", "depth": 18}


@pytest.fixture
def recipe(monkeypatch):
    """A recipe, empty at first, that every model has."""
    recipe = {}
    monkeypatch.setattr(models, "variant", lambda name: Variant(DetectorConfig(), 416, recipe=recipe))
    return recipe


def test_the_values_of_a_recipe_are_taken_as_they_are(recipe):
    recipe.update({"architecture": {"epsilon": 4e-05, "kind": "on"}, "sizes": [320, 352], "optimizer.clip_norm": None})
    settings = resolve_settings(GIVEN, ["recipe=paper"])
    assert settings.architecture == {"epsilon": 4e-05, "kind": "on"}
    assert settings.sizes == (320, 352)
    assert settings.optimizer.clip_norm is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("optimizer.nane", "sgd", "unknown setting 'optimizer.nane'. Did you mean 'name'"),
        ("batch_size", 0, "batch_size: expected a number greater than 0, got 0"),
    ],
)
def test_a_fault_of_a_recipe_is_told_as_such(recipe, name, value, message):
    recipe[name] = value
    with pytest.raises(BadInput) as caught:
        resolve_settings(GIVEN, ["recipe=paper", "epochs=3"])
    assert str(caught.value).startswith(f"recipe of model 'yolox-nano': {message}")


def test_epochs_and_time_exclude_each_other():
    with pytest.raises(BadInput, match="not both"):
        resolve_settings({**GIVEN, "epochs": 3.0, "max_time": 60.0}, [])


@pytest.mark.parametrize(
    ("options", "assignments", "message"),
    [
        ({"model": "yolox-nanno"}, [], "yolox-nano"),
        ({}, ["optimiser.name=sgd"], "optimizer"),
        ({}, ["optimizer.nane=sgd"], "name"),
        ({}, ["optimizer.name=adam"], "'sgd' or 'adamw'"),
        ({"batch_size": 0}, [], "greater than 0"),
        ({}, ["seed=-1"], "greater than or equal to 0"),
    ],
)
def test_errors_name_what_is_wrong(options, assignments, message):
    with pytest.raises(BadInput, match=message):
        resolve_settings({**GIVEN, **options}, assignments)
