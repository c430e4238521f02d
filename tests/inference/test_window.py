"""The window that shows results, with a stand-in for OpenCV's."""

import subprocess
from fractions import Fraction

import numpy as np
import pytest

from detect.errors import BadInput
from detect.inference import window
from detect.inference.result import Result
from detect.inference.sources.frames import Frame, Source, VideoFormat


def result(video: bool) -> Result:
    image = np.full((4, 6, 3), (255, 0, 0), np.uint8)
    format = VideoFormat(Fraction(25), Fraction(1, 25)) if video else None
    frame = Frame(Source("a", "video" if video else "image", "a", "a"), image, 6, 4, video=format)
    return Result(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32), (), frame)


class FakeOpenCV:
    """Stands for the functions of OpenCV that open windows; `keys` are pressed one after the other, -1 is none."""

    WINDOW_NORMAL = WINDOW_KEEPRATIO = 0
    WND_PROP_VISIBLE, COLOR_RGB2BGR = 4, 4

    def __init__(self, keys):
        self.keys, self.images, self.open = list(keys), [], True

    def namedWindow(self, title, flags):  # noqa: N802
        pass

    def cvtColor(self, image, code):  # noqa: N802
        return image[..., ::-1]

    def imshow(self, title, image):
        self.images.append(image)

    def waitKey(self, milliseconds):  # noqa: N802
        key = self.keys.pop(0)
        self.open = self.open and key != "closed"
        return -1 if key == "closed" else key

    def getWindowProperty(self, title, quantity):  # noqa: N802
        return float(self.open)

    def destroyAllWindows(self):  # noqa: N802
        self.open = False


@pytest.fixture
def opened(monkeypatch):
    """A function that opens a window in which these keys are pressed."""
    monkeypatch.setattr(window, "_require_display", lambda: None)

    def open_window(*keys):
        monkeypatch.setattr(window, "cv2", FakeOpenCV(keys))
        return window.Window(Result.plot)

    return open_window


@pytest.mark.parametrize(
    ("keys", "goes_on"),
    [([-1, -1, ord(" ")], True), ([-1, 27], False), ([ord("q")], False), ([-1, "closed"], False)],
)
def test_an_image_is_shown_until_a_key_is_pressed(opened, keys, goes_on):
    with opened(*keys) as shown:
        assert shown.show(result(video=False)) == goes_on
        assert window.cv2.keys == []
        assert window.cv2.images[0][0, 0].tolist() == [0, 0, 255]
    assert not window.cv2.open


@pytest.mark.parametrize(("key", "goes_on"), [(-1, True), (ord(" "), True), (27, False), ("closed", False)])
def test_a_video_goes_on(opened, key, goes_on):
    assert opened(key).show(result(video=True)) == goes_on


@pytest.mark.parametrize("trial", ["raise SystemExit(1)", "import os; os.abort()"])
def test_no_display_is_one_clear_error(monkeypatch, trial):
    monkeypatch.setattr(window, "_TRIAL", trial)
    with pytest.raises(BadInput, match=r"No window can be opened: there is no display.*Leave out --show"):
        window.Window(Result.plot)


def test_a_display_that_does_not_answer(monkeypatch):
    def wait_for_ever(*given, **more):
        raise subprocess.TimeoutExpired("python", 1)

    monkeypatch.setattr(window.subprocess, "run", wait_for_ever)
    with pytest.raises(BadInput, match="No window can be opened"):
        window.Window(Result.plot)
