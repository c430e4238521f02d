"""From a folder of images with labelImg's files to boxes on a video, by the commands of the README."""

import json
import re
import shlex
from pathlib import Path

import pytest

import detect
from detect.data.shapes import write_shapes_video
from detect.evaluation.coco_scores import METRICS
from detect.models.card import load_card

pytestmark = pytest.mark.slow

README = Path(__file__).parents[2] / "README.md"
# What is typed here in place of the half hour: a tiny model, once over the images.
SHORT = (
    "--model yolox-micro --weights none --epochs 1 --image-size 64 --batch-size 4 --set validations=1 "
    "--set 'architecture={width: 0.0625, depth: 0}' --set data_licence=own --licence-policy permissive"
)


@pytest.fixture
def photos(shapes, tmp_path) -> Path:
    """Images with a file of Pascal VOC beside each, as labelImg leaves them, in a folder of their own."""
    dataset = detect.open_dataset(shapes)
    (tmp_path / "photos").mkdir()
    for record in dataset.splits["train"]:
        path = tmp_path / "photos" / record.image_path.name
        path.write_bytes(record.image_path.read_bytes())
        objects = "".join(
            f"<object><name>{dataset.classes[label]}</name><bndbox><xmin>{x1:.0f}</xmin><ymin>{y1:.0f}</ymin>"
            f"<xmax>{x2:.0f}</xmax><ymax>{y2:.0f}</ymax></bndbox></object>"
            for (x1, y1, x2, y2), label in zip(record.boxes.tolist(), record.labels.tolist(), strict=True)
        )
        size = f"<size><width>{record.width}</width><height>{record.height}</height><depth>3</depth></size>"
        text = f"<annotation><filename>{path.name}</filename>{size}{objects}</annotation>"
        path.with_suffix(".xml").write_text(text)
    return tmp_path / "photos"


def typed(name: str, replaced: dict[str, str]) -> list[str]:
    """Return the words of the command in the README that begins like this, with other texts in place of some."""
    (line,) = re.findall(rf"^detect {name} .*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    for old, new in replaced.items():
        line, count = re.subn(old, new, line)
        assert count == 1
    return shlex.split(line, comments=True)[1:]


def test_the_commands_of_the_readme_lead_to_boxes_on_a_video(command, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_shapes_video(tmp_path / "clip.mp4", seconds=0.16, size=(64, 64))
    checked = command(*typed("data check", {"path/to/data": "photos"}))
    assert checked.code == 0, checked.err

    trained = command(*typed("train", {"path/to/data": "photos", "--max-time 30m": SHORT}))
    assert trained.code == 0, trained.err
    folder = Path("runs/first")
    assert f"Run folder: {folder}\nReport: {folder}/report.html\nNext:\n  detect " in trained.out
    assert "Trained for" in trained.out
    assert "The model has learnt next to nothing" in trained.out
    assert set(METRICS) <= json.loads((folder / "evaluation.json").read_text()).keys()
    assert {"best", "last", "config.json", "metrics.jsonl", "report.html"} <= {path.name for path in folder.iterdir()}
    assert str(load_card(folder / "best").licences) == "code Apache-2.0, data own"

    photo = min(path for path in photos.iterdir() if path.suffix != ".xml").as_posix()
    found = command(*typed("predict", {"photo.jpg": photo}), "--confidence", "0")
    assert found.code == 0, found.err
    assert "Processed 1 image and 1 video (5 frames)" in found.out
    assert (tmp_path / "predictions" / "clip.mp4").stat().st_size > 0
