"""The page, in a browser: what it shows is what the models find, for everyone."""

import io
import json
from fractions import Fraction

import av
import numpy as np
import pytest
from browser import inaccessible
from PIL import Image
from red_pictures import picture

from detect.inference.predictor import Model

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 320, 240
BOX = (40, 60, 200, 180)  # on the canvas of 64 x 64 pixels, 32 x 24: 0.1875 of it


@pytest.fixture
def red_file():
    """A picture with a red box, as Playwright gives files to a page."""
    data = picture(*BOX, width=WIDTH, height=HEIGHT)
    return {"name": "<b>red.png", "mimeType": "image/png", "buffer": data}


def clip(frames: int = 10) -> bytes:
    """Return a clip whose red box moves by 10 pixels with each frame of a tenth of a second."""
    file = io.BytesIO()
    with av.open(file, "w", "mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 10)
        for index in range(frames):
            image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
            image[60:180, 40 + 10 * index : 200 + 10 * index] = (255, 0, 0)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def shown_box(page, stage: int = 0) -> list[float]:
    """Return the box on a picture, x1, y1, x2, y2 in its pixels."""
    outer = page.locator(".view").nth(stage).bounding_box()
    inner = page.locator(".stage").nth(stage).locator(".box").bounding_box()
    scale = WIDTH / outer["width"]
    x, y = (inner[side] - outer[side] for side in ("x", "y"))
    return [side * scale for side in (x, y, x + inner["width"], y + inner["height"])]


def downloaded(page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return download.value.path().read_bytes()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_picture_with_its_boxes(windows, client, red_file, width, scheme):
    page = windows.open(str(client.base_url), width, scheme=scheme)
    page.set_input_files("#files", [red_file])
    page.get_by_text("1 of 1 pictures done.").wait_for()
    assert page.locator(".box").inner_text() == "red 19%"
    assert page.get_by_role("heading", name="<b>red.png").is_visible()
    np.testing.assert_allclose(shown_box(page), BOX, atol=1.5)
    assert page.get_by_role("img", name="<b>red.png: 1 red").is_visible()
    page.get_by_text("Objects").click()
    assert page.locator("td").all_inner_texts() == ["red", "0.188", "40.0", "60.0", "200.0", "180.0"]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert inaccessible(page) == []


def test_threshold_and_classes_are_set_without_a_request(windows, client, red_file):
    page = windows.open(str(client.base_url))
    page.set_input_files("#files", [red_file])
    page.locator(".box").wait_for()
    windows.requests.clear()
    slider = page.get_by_role("slider")
    slider.focus()
    assert slider.get_attribute("aria-valuetext") == "the model's own"
    page.keyboard.press("ArrowRight")  # from 0.25 to 0.26: above the score
    assert (page.locator(".box").count(), slider.get_attribute("aria-valuetext")) == (0, "0.26")
    page.get_by_role("button", name="Model's own").click()
    assert page.locator(".box").count() == 1
    page.get_by_text("Classes").first.click()
    page.get_by_role("checkbox", name="red").uncheck()
    assert (page.locator(".box").count(), page.locator("#classes-shown").inner_text()) == (0, "1 of 2 shown")
    page.get_by_role("button", name="All", exact=True).click()
    assert page.locator(".box").count() == 1
    assert windows.requests == []


def test_names_of_classes_are_text(windows, serve, red_model, red_file):
    name = "<img src=x onerror=alert(1)>"
    card = red_model.card.model_copy(update={"classes": (name, "never"), "confidences": {name: 0.125}})
    with serve({"<b>model": Model(red_model.backend, card)}) as client:
        page = windows.open(str(client.base_url))
        page.set_input_files("#files", [red_file])
        assert page.locator(".box").inner_text() == f"{name} 19%"
        assert page.locator("figcaption").inner_text() == f"<b>model 1 {name}"
        page.get_by_text("Classes").first.click()
        assert page.get_by_role("checkbox", name=name).is_visible()


def test_two_models_side_by_side(windows, serve, red_model, red_file):
    with serve({"first": red_model, "second": red_model, "third": red_model}) as client:
        page = windows.open(str(client.base_url))
        page.set_input_files("#files", [red_file])
        page.get_by_text("1 of 1 pictures done.").wait_for()
        assert page.locator("figcaption b").all_inner_texts() == ["first", "second"]
        left, right = (page.locator(".view").nth(pane).bounding_box() for pane in (0, 1))
        assert left["x"] + left["width"] <= right["x"]
        assert left["y"] == right["y"]
        page.get_by_label("Right model").select_option("third")
        page.get_by_text("2 of 2 pictures done.").wait_for()
        assert page.locator("figcaption b").all_inner_texts() == ["first", "third"]
        np.testing.assert_allclose(shown_box(page, 1), BOX, atol=1.5)
        assert Image.open(io.BytesIO(downloaded(page, "Download picture"))).size == (2 * WIDTH, HEIGHT)


def test_results_and_pictures_are_downloaded(windows, client, red_file):
    page = windows.open(str(client.base_url))
    page.set_input_files("#files", [red_file])
    page.locator(".box").wait_for()
    found = {"label": 0, "name": "red", "score": 0.1875, "box": list(BOX)}
    assert json.loads(downloaded(page, "Download results (JSON)")) == {
        "threshold": "of the model",
        "images": [{"file": "<b>red.png", "model": "red", "width": WIDTH, "height": HEIGHT, "objects": [found]}],
    }
    kept = np.asarray(Image.open(io.BytesIO(downloaded(page, "Download picture"))).convert("RGB")).astype(int)
    assert kept.shape == (HEIGHT, WIDTH, 3)
    blue = np.abs(kept - (0, 114, 178)).sum(axis=-1) < 60  # the outline in the colour of the class
    ys, xs = np.nonzero(blue[60:])
    np.testing.assert_allclose([xs.min(), xs.max(), ys.max() + 60], [40, 199, 179], atol=2)


def test_frames_of_a_clip(windows, client):
    page = windows.open(str(client.base_url))
    page.set_input_files("#files", [{"name": "moving.mp4", "mimeType": "video/mp4", "buffer": clip()}])
    page.get_by_role("button", name="Play again").wait_for()
    frames = json.loads(downloaded(page, "Download results (JSON)"))["images"]
    assert len(frames) > 1
    for frame in frames:
        (found,) = frame["objects"]
        assert found["box"][0] == pytest.approx(40 + 100 * frame["time"], abs=1)  # the box of the frame of this time
    page.get_by_role("button", name="Remove", exact=True).click()
    assert page.locator(".card").count() == 0


def test_what_cannot_be_read_is_said_where_it_is(windows, client, red_file):
    page = windows.open(str(client.base_url))
    damaged = {"name": "damaged.png", "mimeType": "image/png", "buffer": b"no picture"}
    unknown = {"name": "red.tif", "mimeType": "image/tiff", "buffer": picture(0, 0, 50, 50, format="TIFF")}
    page.set_input_files("#files", [damaged, red_file, unknown])
    page.get_by_text("3 of 3 pictures done.").wait_for()
    assert "begins with b'no picture'" in page.get_by_role("alert").inner_text()
    assert page.get_by_text("This browser cannot show pictures of this format.").count() == 2
    assert page.locator("figcaption").all_inner_texts() == ["red 1 red", "red 1 red", "red"]
    assert page.locator(".box").count() == 1
    assert windows.complaints  # the browser's own, of the answer 422
    windows.complaints.clear()


def test_the_webcam(windows, client):
    """Of a browser that is told to have one, with moving pictures in it; without, the page says so."""
    page = windows.open(str(client.base_url))
    page.get_by_role("button", name="Webcam").click()
    page.get_by_text("The webcam cannot be opened").wait_for()
    pictures = """() => {
        const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
        [canvas.width, canvas.height] = [320, 240];
        setInterval(() => {
            context.fillStyle = "#5a5a5a"; context.fillRect(0, 0, 320, 240);
            context.fillStyle = "#f00"; context.fillRect(40, 60, 160, 120);
        }, 20);
        navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
    }"""
    page.evaluate(pictures)
    page.get_by_role("button", name="Webcam").click()
    page.locator(".box").wait_for()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Play", exact=True).wait_for()
    page.wait_for_load_state("networkidle")  # the last frame is answered
    np.testing.assert_allclose(shown_box(page), BOX, atol=1.5)
    assert len(json.loads(downloaded(page, "Download results (JSON)"))["images"]) == 1
    page.get_by_role("button", name="Remove all").click()
    assert page.locator(".card").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_description_of_the_interface(windows, client, scheme):
    page = windows.open(f"{client.base_url}/docs", 390, scheme=scheme)
    page.get_by_role("heading", name="POST /v1/detect").wait_for()
    assert "x1, y1, x2, y2 in pixels of the upright image." in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert inaccessible(page) == []
    assert all(request.startswith(str(client.base_url)) for request in windows.requests)
