"""The display of a run on terminals of several widths, and in a file."""

import io

import pytest
from rich.console import Console

from detect.training.reporting import display as subject
from detect.training.reporting.display import BarDisplay, LineDisplay, State, create_display

COURSE = ["53m20s left", "epoch 2.0 of 100", "step 800"]
NUMBERS = ["loss 12.35", "123.5 images/s", "box 3.21", "objectness 4.57", "class 1.23", "l1 1.50", "data wait 3%"]


def drawn(width: int, **options) -> list[str]:
    """Return the two lines of a run of which a fifth is over."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, **options)
    console.print(State(0.2, COURSE, NUMBERS))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("width", "bar", "course", "numbers"),
    [
        (120, 30, "   20%  53m20s left  epoch 2.0 of 100  step 800", "  ".join(NUMBERS)),
        (80, 30, "   20%  53m20s left  epoch 2.0 of 100  step 800", "  ".join(NUMBERS[:6])),
        (60, 13, "   20%  53m20s left  epoch 2.0 of 100  step 800", "  ".join(NUMBERS[:4])),
        (40, 21, "   20%  53m20s left", "loss 12.35  123.5 images/s  box 3.21"),
        (14, 8, "   20%", "loss 12.35"),
    ],
)
def test_the_bar_is_whole_at_any_width_and_fields_that_do_not_fit_are_left_out(width, bar, course, numbers):
    first, second = drawn(width, no_color=True, color_system=None)
    assert (first[bar:], second) == (course, numbers)
    first, _ = drawn(width, color_system="truecolor")
    assert sum(map(first.count, "━╸╺")) == bar


def test_no_color_is_obeyed(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[3" in "".join(drawn(80, color_system="truecolor"))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in "".join(drawn(80, color_system="truecolor"))


def terminal(**options) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, **options)


def test_a_line_that_stays_is_printed_whole_above_the_bar():
    console = terminal()
    display = BarDisplay(console)
    display.say("x" * 100)
    display.close()
    assert "x" * 100 in console.file.getvalue()


def test_the_bar_is_drawn_a_few_times_a_second(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(subject.time, "monotonic", lambda: now[0])
    console = terminal()
    display = BarDisplay(console)
    for step in range(10):  # at 0, 0.05, 0.1 ... 0.45 seconds: the third after 0.2 is that of 0.4
        now[0] = 100.0 + step / 20
        display.show(step / 10, [f"step {step}"])
    display.close()
    text = console.file.getvalue()
    assert [f"step {step}" in text for step in range(10)] == [step in (4, 8) for step in range(10)]


def test_in_a_file_a_line_now_and_then(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(subject.time, "monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=80)
    display = LineDisplay(console)
    for step in range(40):
        now[0] += 1
        display.show(step / 40, ["5m left"], [f"loss {step}"])
    assert console.file.getvalue().splitlines() == [
        "  0%  5m left  loss 0",
        " 38%  5m left  loss 15",
        " 75%  5m left  loss 30",
    ]


def test_lines_where_the_terminal_cannot_draw(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(create_display(chief=True), LineDisplay)
