import numpy as np

from detect.data.problems import TEXTS_PER_KIND, Problem, Problems


def test_problems_are_counted_and_named():
    problems = Problems(images_total=10, boxes_total=100)
    problems.add("missing image", "list.txt:3", "a.jpg: no such file", "left out", images=1)
    problems.add("unknown class", "a.txt:1", "class 9", "dropped", boxes=1)
    problems.add("unknown class", "a.txt:2", "class 8", "dropped", boxes=1)
    assert len(problems) == 3
    assert (problems.lost_images, problems.lost_boxes) == (1, 2)
    assert [str(problem) for problem in problems][:2] == [
        "list.txt:3: a.jpg: no such file; left out",
        "a.txt:1: class 9; dropped",
    ]
    assert problems.summary(examples=1) == [
        "missing image: 1 (left out). list.txt:3: a.jpg: no such file",
        "unknown class: 2 (dropped). a.txt:1: class 9",
    ]


def test_lost_share_is_the_larger_one():
    problems = Problems(images_total=10, boxes_total=100, lost_images=1, lost_boxes=30)
    assert problems.lost_share() == 0.3
    assert Problems().lost_share() == 0


def test_texts_are_limited_counts_are_not():
    problems, described = Problems(), []

    def describe(row: int) -> tuple[str, str]:
        described.append(row)
        return f"line {row}", "bad"

    problems.add_many("malformed line", np.arange(TEXTS_PER_KIND + 5), describe, "dropped")
    problems.add_many("malformed line", [7], describe, "dropped")
    problems.add_many("nothing", [], describe, "dropped")
    assert len(problems) == TEXTS_PER_KIND + 6
    assert described == list(range(TEXTS_PER_KIND))
    assert next(iter(problems)) == Problem("malformed line", "line 0", "bad", "dropped")
    assert "nothing" not in problems.counts


def test_problems_may_have_an_image_that_shows_them():
    problems = Problems()
    problems.add_many("bad box", [3], lambda row: ("a", "b"), "dropped", lambda row: (f"{row}.jpg", (1, 2, 3, 4)))
    problems.add("missing image", "a", "not there", "left out")
    assert [(problem.image, problem.box) for problem in problems] == [("3.jpg", (1, 2, 3, 4)), ("", None)]


def test_problems_that_are_joined_are_counted_together():
    problems, others = Problems(images_total=9, lost_images=1), Problems(images_total=3)
    problems.add("missing image", "a", "not there", "left out")
    others.add("missing image", "b", "not there", "left out", images=1, boxes=4)
    others.add("bad line", "c", "no number", "dropped")
    problems.join(others)
    assert [problem.where for problem in problems] == ["a", "b", "c"]
    assert problems.counts == {"missing image": 2, "bad line": 1}
    assert (problems.images_total, problems.lost_images, problems.lost_boxes) == (9, 2, 4)
