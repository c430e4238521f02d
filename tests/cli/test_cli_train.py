"""`detect train`, `detect models` and `detect demo`."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from detect.cli import demo
from detect.models import speeds
from detect.training import plain_train
from detect.training.workers.lost_workers import LostWorker

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--model", "yolox-macro"), "yolox-micro"),
        (("--epochs", 3, "--max-time", "30m"), "max-time"),
        (("--max-time", "soon"), "soon"),
        (("--set", "optimiser.name=sgd"), "optimizer"),
        (("--weights", "none/such.pth"), "none/such.pth"),
    ],
)
def test_bad_input_is_named(command, shapes, tmp_path, words, named):
    done = command("train", "--data", shapes, "--set", f"runs={tmp_path}", *words)
    assert done.code == 2
    assert named in done.err


def test_missing_data(command, tmp_path):
    done = command("train", "--data", tmp_path / "nothing.yaml", "--set", f"runs={tmp_path}")
    assert done.code == 2
    assert "nothing.yaml" in done.err


def test_an_interrupt_says_what_is_kept(command, shapes, monkeypatch):
    def interrupted(*words, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("detect.training.training_run.run", interrupted)
    done = command("train", "--data", shapes)
    assert done.code == 130
    assert "--resume" in done.err


def test_of_several_workers_only_the_chief_prints_scores(command, shapes, monkeypatch):
    task = {"type": "worker", "index": 1}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1", "b:2"]}, "task": task}))
    monkeypatch.setattr("detect.training.training_run.run", lambda *words, **options: None)
    done = command("train", "--data", shapes)
    assert (done.code, done.out) == (0, "")


def test_a_lost_worker_asks_the_scheduler_to_start_again(command, shapes, monkeypatch):
    def lost(*words, **options):
        raise LostWorker("Lost worker 1 (b:2)")

    monkeypatch.setattr("detect.training.training_run.run", lost)
    done = command("train", "--data", shapes)
    assert done.code == 75
    assert "Lost worker 1 (b:2)" in done.err


def test_models_are_listed(command, monkeypatch, tmp_path):
    monkeypatch.setenv("DETECT_CACHE", str(tmp_path))
    speeds.remember("yolox-nano", speeds.Speed(9.4, 320))
    done = command("models")
    assert done.code == 0, done.err
    rows = [line.split() for line in done.out.splitlines()]
    assert ["yolox-nano", "(default)", "0.91", "416", "25.8", "9", "(320)", "published"] in rows
    assert ["yolox-micro", "2.26", "416", "-", "-", "-"] in rows
    assert ["yolox-s", "8.97", "640", "40.5", "-", "published"] in rows
    assert max(map(len, done.out.partition("\n\n")[0].splitlines())) <= 80


def test_one_model_in_full(command):
    done = command("models", "yolox-nano")
    assert done.code == 0, done.err
    assert "0.92 million parameters with 80 classes" in done.out or "0.93 million" in done.out
    assert command("models", "yolox-nono").code == 2


def demo_with(act: Callable[[typer.Context], None]) -> typer.Typer:
    """An app with the demo, where each of the commands that it runs is `act`."""
    app = typer.Typer()
    app.command()(demo.demo)
    for name in ("data", "train", "evaluate", "predict"):
        app.command(name, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(act)
    return app


@pytest.fixture
def no_drawing(monkeypatch):
    monkeypatch.setattr("detect.data.shapes.write_shapes", lambda folder, image_size: folder / "shapes.yaml")
    monkeypatch.setattr("detect.data.shapes.write_shapes_video", lambda path: path)


def test_the_demo_runs_the_commands_that_it_prints(no_drawing, capfd, tmp_path):
    ran = []

    def record(context: typer.Context):
        ran.append([context.info_name, *context.args])

    (tmp_path / "runs" / "shapes").mkdir(parents=True)  # of an earlier demo
    demo_with(record)(["demo", "--out", str(tmp_path), "--epochs", "2"], standalone_mode=False)
    assert [words[0] for words in ran] == ["data", "train", "evaluate", "predict"]
    assert "shapes-2" in ran[1]
    printed = [line.removeprefix("$ detect ") for line in capfd.readouterr().out.splitlines() if line.startswith("$")]
    assert [shlex.split(line) for line in printed] == ran


def test_the_demo_stops_where_a_command_fails(no_drawing, tmp_path):
    ran = []

    def end(context: typer.Context):
        ran.append(context.info_name)
        raise typer.Exit(2)

    assert demo_with(end)(["demo", "--out", str(tmp_path)], standalone_mode=False) == 2
    assert ran == ["data"]


def test_the_example_is_a_program_of_its_own(command):
    done = command("example")
    assert done.code == 0
    compile(done.out, "my_training.py", "exec")
    assert done.out == Path(plain_train.__file__).read_text(encoding="utf-8")
