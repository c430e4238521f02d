"""Settings from the words of a command."""

import pytest

from detect import models
from detect.errors import BadInput
from detect.models.detector import DetectorConfig, Variant
from detect.training.start.resolution import DEFAULT_EPOCHS, default_epochs, resolve_settings, seconds, settle

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
    settings = settle(resolve_settings({"data": "d"}, []), "yolox-nano", images=448, on_gpu=False)
    assert (settings.model, settings.image_size, settings.epochs) == ("yolox-nano", 416, DEFAULT_EPOCHS)


def test_what_is_given_stays():
    given = {"data": "d", "model": "yolox-s", "image_size": 320}
    for length in ({"epochs": 3.0}, {"max_time": 60.0}):
        settings = settle(resolve_settings({**given, **length}, []), "yolox-s", images=10, on_gpu=False)
        assert (settings.image_size, settings.epochs, settings.max_time) == (
            320,
            length.get("epochs"),
            length.get("max_time"),
        )


@pytest.mark.parametrize(("images", "epochs"), [(1, 9600), (60, 160), (95, 102), (96, 100), (97, 100), (10**6, 100)])
def test_few_images_are_seen_more_often(images, epochs):
    assert default_epochs(images) == epochs


@pytest.mark.parametrize(
    ("images", "on_gpu", "size"),
    [
        (10**6, False, 16),
        (1, True, 16),
        (511, True, 16),
        (512, True, 32),
        (1023, True, 32),
        (1024, True, 64),
        (10**6, True, 64),
    ],
)
def test_the_batch_size_that_suits_machine_and_dataset(images, on_gpu, size):
    settings = resolve_settings({**GIVEN, "batch_size": "auto"}, [])
    assert settle(settings, "yolox-nano", images, on_gpu).images_per_batch == size
    with pytest.raises(ValueError, match="settle them first"):
        _ = settings.images_per_batch


def test_a_batch_size_is_read_as_a_number():
    assert resolve_settings({**GIVEN, "batch_size": "32"}, []).batch_size == 32


@pytest.mark.parametrize("weights", ["auto", "none"])
def test_a_recipe_needs_the_name_of_its_model(weights):
    given = {"data": "d", "weights": weights}
    if weights == "none":
        assert resolve_settings(given, ["recipe=paper"]).model == "yolox-micro"
    else:
        with pytest.raises(BadInput, match="recipe=paper is the recipe of a model: name it with --model"):
            resolve_settings(given, ["recipe=paper"])


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
        ("batch_size", 0, "batch_size: expected a number greater than 0 or 'auto', got 0"),
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
