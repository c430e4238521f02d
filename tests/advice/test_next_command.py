"""The command that is printed: read by the command line, it gives the same settings."""

import shlex

from detect.advice.next_command import train_command
from detect.training.settings import AverageSettings, TrainingSettings
from detect.training.start.resolution import given_options, given_settings


def settings_of(command):
    """Return the settings that `detect train` makes of its words."""
    _, _, *words = shlex.split(command)
    pairs = list(zip(words[::2], words[1::2], strict=True))
    options = {name[2:].replace("-", "_"): value for name, value in pairs if name != "--set"}
    return given_settings(given_options(**options), [value for name, value in pairs if name == "--set"])


def test_defaults_are_left_out():
    assert train_command(TrainingSettings(data="my plates.yaml")) == "detect train --data 'my plates.yaml'"


def test_settings_come_back():
    settings = TrainingSettings(
        data="x",
        model="yolox-nano",
        image_size=320,
        batch_size=8,
        max_time=90.5,
        sizes=(288, 320),
        weights="none",
        freeze=("backbone",),
        data_licence="CC-BY-4.0",
        average=AverageSettings(decay=0.9),
        architecture={"max_detections": 300},
    )
    command = train_command(settings)
    assert command.startswith("detect train --data x --model yolox-nano --weights none --image-size 320 --batch-size 8")
    assert "--max-time 90.5s" in command
    assert settings_of(command) == settings


def test_the_length_in_epochs_comes_back():
    settings = TrainingSettings(data="x", model="yolox-nano", epochs=12.5)
    assert settings_of(train_command(settings)) == settings
