"""The page of docs/clients/browser finds in Chromium what the toolkit finds."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from browser import inaccessible
from light_models import saved_small
from PIL import Image
from test_clients import SIDE, check_found, with_other_scores

from detect.export.export_run import export

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("opened_once")]

CLIENT = Path(__file__).parents[2] / "docs" / "clients" / "browser"
RUNTIME = "node_modules/onnxruntime-web/dist"  # where the page looks for these files of it
PARTS = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
HEIGHT = 64  # of the picture, which fits the model without being resized, so that all see the same


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model folder with an export for ONNX Runtime."""
    folder = saved_small(tmp_path_factory.mktemp("browser") / "model", image_size=SIDE)
    export(folder, "onnx")
    return folder


@pytest.fixture(scope="module")
def address(folder, tmp_path_factory):
    """The address of a server with the page, the export in `export/`, and another one in `other/`."""
    if "ONNXRUNTIME_WEB" not in os.environ:
        pytest.skip("needs onnxruntime-web, whose folder `dist` the variable ONNXRUNTIME_WEB names")
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(CLIENT, site, dirs_exist_ok=True)
    (site / RUNTIME).mkdir(parents=True)
    for name in PARTS:
        shutil.copy(Path(os.environ["ONNXRUNTIME_WEB"], name), site / RUNTIME)
    shutil.copytree(folder / "exports" / "onnx", site / "export")
    with_other_scores(site / "export", site / "other")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=site))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (HEIGHT, SIDE, 3), np.uint8)).save(path)
    return path


def test_a_picture(windows, address, folder, picture):
    page = windows.open(address, 390)
    page.locator("#threshold").fill("0.0001")
    page.locator("#picture").set_input_files(picture)
    page.get_by_text("objects in").wait_for()
    lines = [line.split() for line in page.locator("#objects").inner_text().splitlines()]
    check_found(lines, folder, picture, names=True)
    assert page.locator("#canvas").evaluate("canvas => [canvas.width, canvas.height]") == [SIDE, HEIGHT]
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert inaccessible(page) == []
    assert all(request.startswith(address.rpartition("/")[0]) for request in windows.requests)


def test_frames_of_the_webcam(windows, address):
    """Of a browser that is told to have one."""
    page = windows.open(address)
    webcam = """() => {
        const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
        [canvas.width, canvas.height] = [64, 48];
        setInterval(() => context.fillRect(0, 0, 64, 48), 20);
        navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
    }"""
    page.evaluate(webcam)
    page.get_by_role("button", name="Webcam").click()
    page.get_by_text("objects in").wait_for()
    assert page.locator("#canvas").evaluate("canvas => [canvas.width, canvas.height]") == [64, 48]


def test_the_golden_vectors(windows, address):
    page = windows.open(address)
    page.get_by_role("button", name="Check the model").click()
    page.get_by_text("It finds here what it found where it was made.").wait_for()
    page = windows.open(f"{address}?export=other")
    page.get_by_role("button", name="Check the model").click()
    page.get_by_text("It differs here from where it was made").wait_for()


def test_an_export_that_is_not_there(windows, address):
    page = windows.open(f"{address}?export=nowhere")
    page.get_by_text("Where is the export?").wait_for()
    assert windows.complaints  # the browser's own, of the answer 404
    windows.complaints.clear()
