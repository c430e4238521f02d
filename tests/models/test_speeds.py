"""Speeds are kept for the machine that they were measured on."""

import pytest

from detect import models
from detect.config import to_json
from detect.export import comparison
from detect.models import speeds
from detect.models.card import CARD, ModelCard
from detect.models.speeds import Speed, measured, remember


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DETECT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_newest_speed_of_each_model_on_this_machine(monkeypatch):
    node = speeds.platform.node
    assert measured() == {}
    for name, speed in ("yolox-s", Speed(80, 640)), ("yolox-nano", Speed(9.5, 416)), ("yolox-s", Speed(75, 640)):
        remember(name, speed)
    here = {"yolox-s": Speed(75, 640), "yolox-nano": Speed(9.5, 416)}
    assert measured() == here
    monkeypatch.setattr(speeds.platform, "node", lambda: "another machine")
    assert measured() == {}
    remember("yolox-s", Speed(30, 640))
    assert measured() == {"yolox-s": Speed(30, 640)}
    monkeypatch.setattr(speeds.platform, "node", node)
    assert measured() == here


def test_a_damaged_file_is_replaced(cache):
    cache.mkdir()
    (cache / "speeds.json").write_text("{")
    assert measured() == {}
    remember("yolox-s", Speed(75, 640))
    assert measured() == {"yolox-s": Speed(75, 640)}


@pytest.mark.parametrize(("changed", "kept"), [({}, {"yolox-nano": Speed(9.5, 320)}), ({"width": 0.5}, {})])
def test_only_speeds_of_models_as_they_are_listed_are_kept(tmp_path, changed, kept):
    config = {**models.variant("yolox-nano").config.model_dump(), **changed}
    card = ModelCard(model="yolox-nano", config=config, classes=("cat",), category_ids=(1,), image_size=320)
    (tmp_path / CARD).write_text(to_json(card))
    form = comparison.Measured("tensorflow", None, 9.5, 10, 100, 500, 4)
    comparison._remember(tmp_path, form)
    assert measured() == kept


def test_a_speed_that_cannot_be_kept_is_no_fault_of_the_measurement(tmp_path, cache):
    cache.write_text("not a folder")
    config = models.variant("yolox-nano").config.model_dump()
    card = ModelCard(model="yolox-nano", config=config, classes=("cat",), category_ids=(1,), image_size=320)
    (tmp_path / CARD).write_text(to_json(card))
    comparison._remember(tmp_path, comparison.Measured("tensorflow", None, 9.5, 10, 100, 500, 4))
    assert measured() == {}
