"""`detect compare` of files of predictions."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_files_of_predictions_are_compared(command, fixtures, tmp_path):
    """Every second detection is left out in the other file."""
    truth, first = (fixtures / "coco" / f"instances_val2014_{name}.json" for name in ("100", "fakebbox100_results"))
    other, page, numbers = tmp_path / "half.json", tmp_path / "page.html", tmp_path / "numbers.json"
    other.write_text(json.dumps(json.loads(first.read_text())[::2]))
    done = command("compare", first, other, "--data", truth, "--html", page, "--json", numbers)
    assert done.code == 0, done.err
    assert "worse" in done.out
    assert f"Written: {page}" in done.out
    (one, two) = json.loads(numbers.read_text())["contenders"]
    assert f"{one['AP']:.10f}" == "0.5045806987"
    assert two["difference"] == pytest.approx(two["AP"] - one["AP"])
    assert two["interval"][1] < 0
    again = command("compare", other, first, "--data", truth, "--html", page)
    assert f"{page} will be replaced." in again.out
    assert "better" in again.out


def test_one_model_is_not_enough(command, fixtures):
    done = command("compare", fixtures / "coco" / "instances_val2014_fakebbox100_results.json", "--data", "d")
    assert done.code == 2
    assert "There is nothing to compare with" in done.err


def test_the_images_must_be_known(command, tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("[]")
    done = command("compare", tmp_path / "a.json", tmp_path / "b.json")
    assert done.code == 2
    assert "Give a dataset: --data" in done.err
