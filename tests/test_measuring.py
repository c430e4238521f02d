"""How comparisons are made: processes that take turns, and the numbers of a row."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import measure_speed
import pytest
from measuring import environments, speed_page
from measuring.comparisons import COMPARISONS, Comparison, Side
from measuring.model_sizes import Size
from measuring.summary import summarize
from measuring.workers import Worker, take_turns


def test_a_worker_does_what_it_is_told_until_it_is_left():
    with Worker(sys.executable, "opencv_ops.py") as worker:
        first, second = worker.do("nms 1 50"), worker.do("nms 2 50")
    assert min(answer["seconds"] for answer in (first, second)) > 0
    assert 2e7 < first["memory"] <= second["memory"] < 4e9
    assert worker._process.returncode == 0


def test_a_failing_task_is_named_and_a_later_one_still_done():
    with Worker(sys.executable, "opencv_ops.py") as worker:
        with pytest.raises(RuntimeError, match=r"(?s)opencv_ops\.py, nms one 50: .*ValueError"):
            worker.do("nms one 50")
        assert worker.do("nms 1 50")["seconds"] > 0


def test_a_worker_that_cannot_start_says_why():
    with (
        Worker(sys.executable, "no_such_tasks.py") as worker,
        pytest.raises(RuntimeError, match=r"No module named measuring\.no_such_tasks"),
    ):
        worker.do("anything")


def test_sides_take_turns():
    order: list[str] = []

    def side(name):
        def task():
            order.append(name)
            return {"seconds": len(order)}

        return task

    answers = take_turns([side("A"), side("B")], rounds=3, seconds=0, warmups=1)
    assert "".join(order) == "ABABABAB"
    assert [[answer["seconds"] for answer in own] for own in answers] == [[3, 5, 7], [4, 6, 8]]


def row_of(ours, first, second, **options):
    """A row of two other projects, from seconds of two rounds."""
    comparison = Comparison("a row", "what it is", lambda _: [], **options)
    answers = [[{"seconds": value, "memory": 5e6} for value in side] for side in (ours, first, second)]
    return summarize(comparison, ["detect", "slow", "fast"], answers)


def test_a_ratio_is_the_median_of_the_rounds_to_the_best_other_project():
    row = row_of([0.1, 0.2, 0.4], [1, 1, 1], [0.3, 0.3, 0.8], target=2.0)
    assert (row.unit, row.ours, row.peer_name) == ("ms", 200, "fast")
    assert row.ratios == {"slow": pytest.approx(5), "fast": pytest.approx(2)}  # 10, 5, 2.5 and 3, 1.5, 2
    assert (row.ratio, row.reached) == (pytest.approx(2), True)
    assert row.sides["slow"].memory == 5
    assert not row_of([0.1, 0.1], [1, 1], [0.19, 0.19], target=2.0).reached
    assert row_of([0.1, 0.1], [1, 1], [0.19, 0.19], target=10.0, target_of="slow").reached


def test_rates_and_limits():
    row = row_of([2, 2], [4, 4], [8, 8], unit="images/s", count=32, limit=15)
    assert (row.ours, row.peer, row.ratio) == (16, 8, 2)
    assert row.reached is False
    assert row_of([2, 2], [4, 4], [8, 8], unit="s").reached is None


def test_a_project_that_cannot_be_installed_is_named_in_the_row(tmp_path, monkeypatch):
    def refuse(command, **_):
        return subprocess.CompletedProcess(
            command, "pip" in command, stderr="ERROR: none\nERROR: No matching version\n"
        )

    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path / "peers")
    monkeypatch.setattr(environments.subprocess, "run", refuse)
    assert not environments.is_installed("rfdetr")
    reason = measure_speed.reason_against(Side("RF-DETR-N", "rfdetr_api.py", "predict", "rfdetr"))
    assert reason == "cannot be installed: ERROR: No matching version"
    assert measure_speed.reason_against(Side("detect", "our_api.py", "predict")) == ""
    answers = [[{"seconds": 0.1, "memory": 5e6}]]
    comparison = Comparison("a row", "what it is", lambda _: [], target=1.0, target_of="RF-DETR-N")
    row = summarize(comparison, ["detect"], answers, missing={"RF-DETR-N": reason})
    assert (row.peer_name, row.ratio, row.reached) == (None, None, None)
    assert speed_page.cells(row, [row.machine])[3] == f"RF-DETR-N {reason}"


def test_sizes_are_those_of_images_of_the_row():
    size = Size("a model", 2.6, 3.25, 640)
    assert size.at(640) == "a model: 2.6 M parameters, 3.25 G multiply-adds"
    assert size.at(320) == "a model: 2.6 M parameters, 0.81 G multiply-adds"
    assert size._replace(multiply_adds=None).at(320) == "a model: 2.6 M parameters"


def test_all_other_models_of_a_row_have_a_published_size(monkeypatch):
    monkeypatch.setattr(measure_speed, "counted", lambda model: Size(model, 1, 1, 320))
    inputs = SimpleNamespace(
        bccd="", yolo="", photo="", video="", folder=Path(), saved=str, exported=lambda side: f"export_{side}"
    )
    rows = [row for row in COMPARISONS if row.model]
    assert {row.name for row in rows} >= {"training step, small", "latency, 320 px", "video, exported"}
    for row in rows:
        projects = [side.project for side in row.sides(inputs)]
        assert [*measure_speed.sizes(row, projects)] == projects
        assert {"YOLO11n", "YOLO26n"} < set(projects)


def test_a_page_keeps_the_rows_that_are_not_measured_again(tmp_path, monkeypatch):
    monkeypatch.setattr(speed_page, "versions", lambda: {"detect": "1"})
    row = row_of([0.1, 0.1], [1, 1], [0.3, 0.3], target=4.0)
    elsewhere = replace(row, name="another", machine="8 cores of ANOTHER")
    speed_page.write(tmp_path, [elsewhere, row])
    assert speed_page.read(tmp_path) == {"another": elsewhere, "a row": row}
    page = (tmp_path / "README.md").read_text()
    assert (
        "| a row | what it is | 100 ms (100 to 100) | slow 1000 (10.00)<br>fast 300 (3.00) | 3.00 | 4 x the best |"
        in page
    )
    assert "**no**" in page
    assert f"1. 8 cores of ANOTHER\n2. {row.machine}\n" in page
    assert f" {row.measured} (2) |" in page
    assert "<svg" in (tmp_path / "speed.svg").read_text()
