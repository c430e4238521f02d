"""`detect evaluate` for a model and for a file of predictions."""

import json

import pytest

from detect.evaluation.coco_scores import METRICS

pytestmark = pytest.mark.slow


def test_predictions_are_scored_without_images(command, fixtures, tmp_path):
    folder, out = fixtures / "coco", tmp_path / "scores.json"
    out.write_text('{"AP": 0}')
    done = command(
        "evaluate",
        "--predictions", folder / "instances_val2014_fakebbox100_results.json",
        "--data", folder / "instances_val2014_100.json",
        "--json", out,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "0.5046" in done.out
    assert f"{out} will be replaced." in done.out
    scores = json.loads(out.read_text())
    assert list(scores) == [*METRICS, "per_class"]
    assert (
        f"{scores['AP']:.10f} {scores['AP50']:.10f} {scores['AP75']:.10f}" == "0.5045806987 0.6969727247 0.5729816670"
    )


def test_bad_predictions_are_named(command, fixtures, tmp_path):
    truth, path = fixtures / "coco" / "instances_val2014_100.json", tmp_path / "results.json"
    path.write_text('[{"image_id": 42, "category_id": 999, "bbox": [1, 2, 3, 4], "score": 0.5}]')
    done = command("evaluate", "--predictions", path, "--data", truth)
    assert done.code == 2
    assert "results.json: entry 0 has category_id 999" in done.err
    assert command("evaluate", "--predictions", tmp_path / "none.json", "--data", truth).code == 2


def test_a_model_or_predictions_not_both_nor_neither(command, shapes):
    assert command("evaluate", "--data", shapes).code == 2
    done = command("evaluate", "runs/x", "--predictions", "r.json", "--data", shapes)
    assert done.code == 2
    assert "either a MODEL or --predictions" in done.err


def test_a_model_is_scored(command, shapes, model_folder, tmp_path):
    out = tmp_path / "scores.json"
    done = command("evaluate", model_folder, "--data", shapes, "--json", out, "--batch-size", 3)
    assert done.code == 0, done.err
    assert sum(row["boxes"] for row in json.loads(out.read_text())["per_class"].values()) > 0
    assert "circle" in done.out


def test_an_unknown_model(command, shapes, tmp_path):
    done = command("evaluate", tmp_path / "nothing", "--data", shapes)
    assert done.code == 2
    assert "There is no" in done.err


def test_the_annotations_are_not_replaced_by_scores(command, fixtures, tmp_path):
    truth = tmp_path / "truth.json"
    truth.write_bytes((fixtures / "coco" / "instances_val2014_100.json").read_bytes())
    done = command("evaluate", "--predictions", tmp_path / "r.json", "--data", truth, "--json", truth)
    assert done.code == 2
    assert "truth.json would be replaced, but it is not a file of scores" in done.err


def test_a_report_on_a_model(command, shapes, model_folder, tmp_path):
    report = tmp_path / "report"
    done = command("evaluate", model_folder, "--data", shapes, "--report", report)
    assert done.code == 0, done.err
    assert f"Written: {report}/index.html" in done.out
    assert list((report / "thumbnails").iterdir())
    again = command("evaluate", model_folder, "--data", shapes, "--report", report, "--single-file")
    assert again.code == 0, again.err
    assert f"The report in {report} will be replaced." in again.out
    assert sorted(path.name for path in report.iterdir()) == ["index.html", "report-data.js"]


def test_a_report_on_predictions_whose_images_are_not_there(command, fixtures, tmp_path):
    folder, report = fixtures / "coco", tmp_path / "report"
    files = (
        *("--predictions", folder / "instances_val2014_fakebbox100_results.json"),
        *("--data", folder / "instances_val2014_100.json"),
    )
    done = command("evaluate", *files, "--report", report)
    assert done.code == 0, done.err
    page = (report / "index.html").read_text()
    assert "<td>0.5046</td>" in page
    assert "95 % interval" in page


def test_where_a_report_cannot_be_written(command, shapes, tmp_path):
    (tmp_path / "mine.txt").write_text("")
    done = command("evaluate", "--predictions", "r.json", "--data", shapes, "--report", tmp_path)
    assert done.code == 2
    assert "is in use, and not by a report" in done.err
    done = command("evaluate", "--predictions", "r.json", "--data", shapes, "--single-file")
    assert done.code == 2
    assert "--single-file is about the page of --report" in done.err
