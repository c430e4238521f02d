"""The folder of a run and its files."""

import pytest

from detect.config import change, override, to_json
from detect.errors import BadInput, RunFailure
from detect.models import own_files
from detect.models.licences import Licences
from detect.training.run_folder import continued, decided, new_folder, require_place, resumed_folder, write_start
from detect.training.settings import TrainingSettings

LICENCES = Licences(weights="none", data="CC-BY-4.0")


@pytest.fixture
def settings(tmp_path):
    return TrainingSettings(data="d", model="yolox-micro", runs=str(tmp_path / "runs"), epochs=3)


def started(settings):
    folder = new_folder(settings)
    write_start(folder, settings, ("cat", "chaise\nlongue"), LICENCES)
    return folder


def test_names_are_chosen_one_after_the_other(settings):
    assert [new_folder(settings).path.name for _ in range(3)] == ["yolox-micro", "yolox-micro-2", "yolox-micro-3"]


def test_licences_are_kept_for_a_run_that_is_resumed(settings):
    assert started(settings).licences() == LICENCES
    assert new_folder(settings).licences() == Licences()  # as in a run of an earlier version


def test_a_taken_name_is_refused(settings):
    settings = settings.model_copy(update={"name": "mine"})
    started(settings)
    with pytest.raises(BadInput, match=r"mine exists.*--resume"):
        new_folder(settings)


@pytest.mark.parametrize("change", [{"name": "x" * 300}, {"runs": "/dev/null"}])
def test_a_folder_that_cannot_be_created_is_refused(settings, change):
    with pytest.raises(BadInput, match=r"The run folder .* cannot be created: .*\. Choose another --name, or another"):
        new_folder(settings.model_copy(update=change))


@pytest.mark.parametrize(("name", "locked"), [(None, "runs"), ("mine", "runs"), ("mine", "runs/mine"), ("a/b", ".")])
def test_a_place_that_may_not_be_written_is_refused_before_the_work(settings, tmp_path, permissions_bind, name, locked):
    settings = settings.model_copy(update={"name": name})
    require_place(settings)
    assert not any(tmp_path.iterdir())
    (tmp_path / locked).mkdir(parents=True, exist_ok=True)
    (tmp_path / locked).chmod(0o500)
    with pytest.raises(RunFailure, match=r"config\.json cannot be written: Permission denied\. .*choose a place"):
        require_place(settings)
    (tmp_path / locked).chmod(0o700)


def test_settings_come_back_as_they_were(settings):
    folder = started(settings)
    assert folder.settings() == settings
    assert folder.classes.read_text() == "cat\nchaise longue\n"


def test_resuming_takes_the_latest_run_of_the_model(settings):
    started(settings)
    second = started(settings)
    assert resumed_folder(settings).path == second.path


def test_what_was_decided_when_the_run_began_is_not_a_change(settings):
    """The model, the image size and the length, where they are left open."""
    folder = started(settings.model_copy(update={"image_size": 416}))
    given = settings.model_copy(update={"model": "auto", "epochs": None})
    assert resumed_folder(given).path == folder.path
    assert continued(folder, given).model == "yolox-micro"
    assert decided(folder.settings(), given) == folder.settings()
    with pytest.raises(BadInput, match=r"image_size was 416, is 320"):
        resumed_folder(given.model_copy(update={"image_size": 320}))


def test_runs_of_models_that_are_never_the_default_are_not_resumed_without_their_name(settings):
    started(settings.model_copy(update={"model": "yolox-x"}))
    assert resumed_folder(settings.model_copy(update={"model": "auto"})) is None


def test_a_file_with_a_model_is_the_same_however_it_is_named(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("class Mine: pass\n")
    monkeypatch.setattr(own_files, "require_trusted", lambda name: None)
    folder = new_folder(settings.model_copy(update={"model": "mine.py:Mine"}))
    folder.config.write_text(to_json(settings.model_copy(update={"model": "mine.py:Mine"})))
    for name in ("mine.py:Mine", "./mine.py:Mine", f"{tmp_path / 'mine.py'}:Mine"):
        assert resumed_folder(settings.model_copy(update={"model": name})).path == folder.path
    assert resumed_folder(settings.model_copy(update={"model": "other/mine.py:Mine"})) is None


def test_a_run_whose_settings_are_gone_is_not_continued(settings):
    named = settings.model_copy(update={"name": "mine"})
    folder = new_folder(named)
    assert resumed_folder(named) is None  # killed before anything was written: the folder is free
    assert new_folder(named).path == folder.path
    write_start(folder, named, ("cat",), LICENCES)
    folder.config.unlink()
    with pytest.raises(BadInput, match=r"mine has no config\.json, the settings .*: it cannot be continued"):
        resumed_folder(named)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\xff", b"[]", b'{"epochs": NaN}', b'{"epocs": 3}', b'{"seed": -1}'])
def test_damaged_settings_are_refused(settings, content):
    folder = started(settings.model_copy(update={"name": "mine"}))
    folder.config.write_bytes(content)
    with pytest.raises(BadInput, match=r"mine/config\.json"):
        folder.settings()


def test_a_run_whose_checkpoints_are_gone_does_not_begin_anew(settings):
    folder = started(settings)
    assert not folder.has_checkpoint()
    folder.metrics.write_text('{"step": 40, "epoch": 1, "time": 5, "kind": "train"}\n')
    assert not folder.has_checkpoint()  # the first one is written at the first validation
    with folder.metrics.open("a") as file:
        file.write('{"step": 50, "epoch": 1, "time": 9, "kind": "val"}\n')
    with pytest.raises(BadInput, match=r"had reached step 50, but its checkpoints are gone: it cannot be continued"):
        folder.has_checkpoint()
    folder.metrics.unlink()
    folder.best.mkdir()
    with pytest.raises(BadInput, match=r"had reached its first validation, but its checkpoints are gone"):
        folder.has_checkpoint()
    folder.checkpoints[1].parent.mkdir()
    folder.checkpoints[1].write_bytes(b"")
    assert folder.has_checkpoint()


def test_there_may_be_nothing_to_resume(settings):
    assert resumed_folder(settings) is None


def test_resuming_with_other_settings_says_which(settings):
    started(settings)
    with pytest.raises(BadInput, match=r"epochs was 3.0, is 5"):
        resumed_folder(settings.model_copy(update={"epochs": 5}))
    with pytest.raises(BadInput, match=r"but optimizer.learning_rate was 0.001, is 0.5; pipeline.max_boxes was None"):
        resumed_folder(override(settings, ["pipeline.max_boxes=9", "optimizer.learning_rate=0.5"]))


def test_what_does_not_change_the_model_may_change(settings):
    folder = started(settings)
    changes = ["max_lost=0.5", "checkpoint_seconds=7", "pipeline.workers=3", "pipeline.cache_gigabytes=0"]
    given = override(settings, changes)
    assert resumed_folder(given).path == folder.path
    assert continued(folder, given) == given
    assert continued(folder, override(given, ["pipeline.max_boxes=9", "epochs=7"])) == given


def test_a_tuple_in_python_is_the_list_in_the_file(settings):
    sides = change(settings, [("architecture", {"sides": (3, 4)})], "Python")
    folder = started(sides)
    assert resumed_folder(sides).path == folder.path


def test_the_architecture_of_weights_is_not_a_change(settings):
    folder = new_folder(settings)
    write_start(folder, override(settings, ["architecture={width: 0.5, depth: 1}"]), ("cat",), LICENCES)
    assert resumed_folder(override(settings, ["architecture.width=0.5"])).path == folder.path
    with pytest.raises(BadInput, match=r"architecture.width was 0.5, is 0.25"):
        resumed_folder(override(settings, ["architecture.width=0.25"]))
