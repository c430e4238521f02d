"""The names of models are known without importing one."""

import importlib
import pkgutil

import pytest

from detect import models
from detect.errors import BadInput


def test_the_names_are_those_of_all_tables():
    modules = {
        name: importlib.import_module(f"detect.models.{name}") for _, name, _ in pkgutil.iter_modules(models.__path__)
    }
    tables = {name: module.VARIANTS for name, module in modules.items() if hasattr(module, "VARIANTS")}
    assert models.names() == [f"{name}-{row}" for name, table in tables.items() for row in table]


@pytest.mark.parametrize("name", models.names())
def test_the_sides_of_images_are_those_of_the_class(name):
    module = importlib.import_module(f"detect.models.{name.partition('-')[0]}")
    detector = models._detector_class(module)
    assert models.side_limits(name) == (detector.size_divisor, detector.smallest_side)


@pytest.mark.parametrize("name", models.names())
def test_the_names_of_settings_are_those_of_the_class(name):
    fields = type(models.variant(name).config).model_fields
    assert models.setting_types(name) == {name: field.annotation for name, field in fields.items()}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("yolov8n", "yolox-nano"),
        ("yolo11x.pt", "yolox-x"),
        ("YOLOv5_m", "yolox-m"),
        ("yolox_s", "yolox-s"),
        ("yolox-nono", "yolox-nano"),
        ("retinanet-50", "retinanet-r50"),
    ],
)
def test_the_name_that_was_meant_is_suggested(name, meant):
    with pytest.raises(BadInput, match=f"^Unknown model '{name}'.*id you mean '{meant}'\\? `detect models` lists"):
        models.require_known(name)
