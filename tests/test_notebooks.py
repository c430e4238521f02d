"""The notebooks of docs/: their code runs, but for trainings and exports, whose arguments are checked."""

import ast
import json
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import pytest

import detect
from detect import models
from detect.data import shapes
from detect.inference.predictor import Model
from detect.training.start.resolution import given_options, resolve_settings

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))
WRITE = "%%writefile "  # of IPython: the rest of the cell becomes a file


def cells(notebook: Path) -> list[str]:
    """Return the code cells."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


def run_cell(cell: str, names: dict) -> None:
    """Run a cell as a notebook does: what its last line is worth is shown."""
    if cell.startswith(WRITE):
        first, text = cell.split("\n", 1)
        Path(first.removeprefix(WRITE)).write_text(text)
        return
    program = ast.parse(cell)
    last = program.body.pop() if isinstance(program.body[-1], ast.Expr) else None
    exec(compile(program, "cell", "exec"), names)
    if last is not None:
        shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        assert getattr(shown, "_repr_jpeg_", shown.__repr__)()


@pytest.fixture(scope="module")
def trained() -> Model:
    """The model that stands for all that notebooks train, export and load."""
    detector = models.create("yolox-micro", len(shapes.CLASSES), width=0.0625, depth=0.0)
    return detect.load(detector, classes=shapes.CLASSES, image_size=64)


@pytest.fixture
def without_training(trained, tmp_path, monkeypatch):
    """Train and export nothing, but check the arguments, and make a small dataset instead of a large one."""
    write, signatures = shapes.write_shapes, {name: signature(getattr(detect, name)) for name in ("train", "export")}
    scores, check = SimpleNamespace(AP=0.5, AP50=0.75), SimpleNamespace(AP=0.5, AP_of_original=0.5)

    def train(*given, callbacks=(), **named):
        options = signatures["train"].bind(*given, **named).arguments
        resolve_settings(given_options(**options.pop("settings", {}), **options), [])
        for callback in callbacks:
            callback.on_validation(SimpleNamespace(epoch=1.0), scores, True)
        return SimpleNamespace(folder="runs/yolox-micro", scores=scores)

    def export(*given, **named):
        signatures["export"].bind(*given, **named)
        return SimpleNamespace(folder="exported", size=1, card=SimpleNamespace(check=check))

    monkeypatch.setattr(shapes, "write_shapes", lambda folder: write(folder, train=2, val=2, image_size=64))
    monkeypatch.setattr(detect, "train", train, raising=False)
    monkeypatch.setattr(detect, "export", export, raising=False)
    monkeypatch.setattr(detect, "load", {"runs/yolox-micro": trained, "exported": trained}.get, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_the_code_of_a_notebook_runs(notebook, without_training):
    names = {"__name__": "__main__"}
    for cell in cells(notebook):
        run_cell(cell, names)


def test_notebooks_are_kept_without_outputs():
    assert len(NOTEBOOKS) == 3
    for notebook in NOTEBOOKS:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        assert not [cell for cell in content["cells"] if cell.get("outputs") or cell.get("execution_count")]


def test_the_file_of_the_notebook_is_that_of_the_guide():
    guide = NOTEBOOKS[0].parents[1] / "guides" / "own_model.md"
    (file,) = [cell for notebook in NOTEBOOKS for cell in cells(notebook) if cell.startswith(WRITE)]
    assert file.partition("\n")[2] in guide.read_text(encoding="utf-8")
