"""Where a run keeps its files."""

import pytest

from detect.errors import BadInput
from detect.training.run_folder import new_folder, resumed_folder, write_start
from detect.training.settings import TrainingSettings


@pytest.fixture
def settings(tmp_path):
    return TrainingSettings(data="d", runs=str(tmp_path / "runs"), epochs=3)


def started(settings):
    folder = new_folder(settings)
    write_start(folder, settings, ("cat", "chaise longue"))
    return folder


def test_names_are_chosen_one_after_the_other(settings):
    assert [new_folder(settings).path.name for _ in range(3)] == ["yolox-micro", "yolox-micro-2", "yolox-micro-3"]


def test_a_taken_name_is_refused(settings):
    settings = settings.model_copy(update={"name": "mine"})
    new_folder(settings)
    with pytest.raises(BadInput, match=r"mine exists.*--resume"):
        new_folder(settings)


def test_settings_come_back_as_they_were(settings):
    folder = started(settings)
    assert folder.settings() == settings
    assert folder.classes.read_text() == "cat\nchaise longue\n"


def test_resuming_takes_the_latest_run_of_the_model(settings):
    started(settings)
    second = started(settings)
    assert resumed_folder(settings).path == second.path


def test_there_may_be_nothing_to_resume(settings):
    assert resumed_folder(settings) is None


def test_resuming_with_other_settings_says_which(settings):
    started(settings)
    with pytest.raises(BadInput, match=r"epochs was 3.0, is 5"):
        resumed_folder(settings.model_copy(update={"epochs": 5}))
