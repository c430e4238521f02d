"""Help, usage errors, and what each kind of failure prints and returns."""

import os
import subprocess
import sys

import pytest
from typer.main import get_command

from detect.cli import main as cli
from detect.errors import BadInput, RunFailure
from detect.training.settings import TrainingSettings
from detect.training.start.resolution import DEFAULT_EPOCHS

pytestmark = pytest.mark.slow

COMMANDS = ("train", "evaluate", "predict", "data", "models", "demo")


def detect_in_process_of_its_own(*words: str, **options) -> subprocess.CompletedProcess:
    code = "from detect.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True, **options)


def fail_with(monkeypatch, error: BaseException) -> None:
    def raise_error(*words, **options):
        raise error

    monkeypatch.setattr("detect.data.readers.description.open_dataset", raise_error)


def test_help_needs_no_heavy_module():
    heavy = ("tensorflow", "keras", "numpy", "cv2", "pydantic", "matplotlib", "rich.progress", "yaml")
    code = (
        "import sys; from detect.cli.main import run; code = run(['--help']);"
        f"sys.stderr.write(repr([name for name in {heavy} if name in sys.modules])); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]"
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(command, name):
    done = command(name, "--help")
    assert done.code == 0
    assert f"Usage: detect {name}" in done.out


def test_every_command_has_an_example():
    for words, each in commands_below(get_command(cli.app), "detect"):
        assert (each.epilog or "").startswith(f"Example: {words}")


def commands_below(group, words: str):
    for name, each in group.commands.items():
        yield from commands_below(each, f"{words} {name}") if hasattr(each, "commands") else [(f"{words} {name}", each)]


def test_the_help_of_train_has_the_defaults_of_the_settings():
    train = get_command(cli.app).commands["train"]
    shown = {parameter.name: parameter.show_default for parameter in train.params}
    fields = TrainingSettings.model_fields
    stated = {name: str(fields[name].default) for name in ("weights", "batch_size")}
    chosen = {
        "model": "that of the weights, or one that suits machine and time",
        "epochs": f"{DEFAULT_EPOCHS:g}; more for few images",
    }
    assert {**stated, **chosen}.items() <= shown.items()


def test_shells_complete_names_of_models(monkeypatch, capfd):
    monkeypatch.setenv("_DETECT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "detect train --model yolox-t")
    monkeypatch.setenv("COMP_CWORD", "3")
    assert cli.run([]) == 0
    assert capfd.readouterr().out.split() == ["yolox-tiny"]


def test_version(command):
    assert command("--version").out.startswith("detect ")


@pytest.mark.parametrize(
    "words",
    [("fly",), ("train",), ("train", "--data"), ("predict",), ("predict", "model"), ("data", "check"), ("--loud",),
     ("train", "--data", "x", "--epochs", "many"), ("predict", "m", "s", "--confidence", "2")],
)  # fmt: skip
def test_bad_usage_is_exit_code_2_without_traceback(command, words):
    done = command(*words)
    assert done.code == 2
    assert "Error" in done.err
    assert "Traceback" not in done.err


def test_no_words_show_the_help(command):
    assert "Usage: detect" in "".join(command()[1:])


@pytest.mark.parametrize(("error", "code"), [(BadInput("no [such] file"), 2), (RunFailure("disk [full]"), 1)])
def test_explained_errors_are_one_message(command, monkeypatch, error, code):
    fail_with(monkeypatch, error)
    done = command("data", "check", "anything")
    assert (done.code, done.out, done.err) == (code, "", f"Error: {error}\n")


def test_unexpected_errors_are_one_line_and_a_hint(command, monkeypatch):
    fail_with(monkeypatch, ValueError("first line\n  " + "x" * 1000))
    done = command("data", "check", "anything")
    first, second = done.err.splitlines()
    assert done.code == 1
    assert first.startswith("Error: ValueError: first line xxx")
    assert len(first) < 600
    assert second == "This was not expected. Run again with --debug for the traceback."


@pytest.mark.parametrize("error", [BadInput("no such file"), ValueError("a mistake of ours")])
def test_debug_lets_errors_through_wherever_it_stands(command, monkeypatch, error):
    fail_with(monkeypatch, error)
    for words in (("--debug", "data", "check", "x"), ("data", "check", "x", "--debug")):
        with pytest.raises(type(error)):
            command(*words)


@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_an_interrupt_is_one_line_and_130(command, monkeypatch, debug):
    fail_with(monkeypatch, KeyboardInterrupt())
    done = command("data", "check", "anything", *debug)
    assert (done.code, done.out, done.err) == (130, "", "Error: Interrupted.\n")


@pytest.mark.parametrize(
    ("words", "before"),
    [
        (("predict", "run", ""), "run"),
        (("predict", "run", " "), "run"),
        (("", "run"), "detect"),
        (("predict", "run", "image.jpg", "--out", ""), "--out"),
        (("predict", "run", "image.jpg", "--out="), "--out"),
        (("evaluate", "run", "--data", ""), "--data"),
        (("export", "run", "--class-confidence="), "--class-confidence"),
    ],
)
def test_empty_values_are_refused_wherever_they_stand(command, words, before):
    done = command(*words)
    assert done.code == 2
    assert done.err.startswith(f"Error: Expected a value after {before}, got an empty text.")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            MemoryError("Unable to allocate 3 TiB"),
            "There is not enough memory: Unable to allocate 3 TiB. Use a smaller",
        ),
        (type("ResourceExhaustedError", (Exception,), {})("OOM\n[Op:Conv]"), "There is not enough memory: OOM. Use a"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "This needs the package 'torch', which is not"),
        (EOFError("no data left"), "ValueError: a file ends too early. no data left\nThis was"),
        (OSError(28, "No space left on device"), "A file or folder: No space left on device. Check the path"),
        (PermissionError(13, "Permission denied", "a/b.txt"), "a/b.txt: Permission denied. Check the path"),
    ],
)
def test_the_usual_errors_of_libraries_are_explained(command, monkeypatch, error, sentence):
    fail_with(monkeypatch, error)
    done = command("data", "check", "anything")
    assert done.code == 1
    assert done.err.startswith(f"Error: {sentence}")


def test_names_that_the_output_cannot_encode_are_written_with_escapes(tmp_path):
    name = tmp_path / "caf\u00e9"
    done = detect_in_process_of_its_own(
        "data", "check", str(name), stdout=subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 2
    assert "caf\\xe9 does not exist" in done.stderr


def test_a_closed_pipe_is_not_an_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = detect_in_process_of_its_own("--help", stdout=writer)
    os.close(writer)
    assert done.stderr == ""


def test_exit_codes_reach_the_shell(tmp_path):
    done = detect_in_process_of_its_own("data", "check", str(tmp_path / "nothing"), stdout=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(("code", "expected"), [(None, 0), (3, 3), ("text", 1)])
def test_exit_codes_of_system_exit(monkeypatch, code, expected):
    def leave(*words, **options):
        raise SystemExit(code)

    monkeypatch.setattr(cli, "app", leave)
    assert cli.run([]) == expected
