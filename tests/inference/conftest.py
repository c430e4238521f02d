"""Small videos, and a detector that detects what is red without any training."""

import io
import threading
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
import pytest


@pytest.fixture(scope="session")
def image_with_red_box():
    """A function that returns a grey image [height, width, 3] with one red box."""

    def paint(box: tuple[int, int, int, int], width: int = 96, height: int = 64) -> np.ndarray:
        image = np.full((height, width, 3), 90, np.uint8)
        x1, y1, x2, y2 = box
        image[y1:y2, x1:x2] = (255, 0, 0)
        return image

    return paint


@pytest.fixture(scope="session")
def write_video():
    """A function that writes images as an H.264 file with given timestamps, in units of `time_base`."""

    def write(path, images, times=None, time_base=Fraction(1, 1000), rotation=None, sound=False, matrix=None):
        height, width = images[0].shape[:2]
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuv444p" if width % 2 or height % 2 else "yuv420p"
            stream.options = {"preset": "ultrafast", "crf": "5"}
            stream.time_base = stream.codec_context.time_base = time_base
            if rotation:
                stream.set_display_rotation(rotation)
            if matrix:
                stream.set_display_matrix(matrix)
            if sound:
                _write_sound(container, seconds=len(images) / 25)
            times = times or [round(index / 25 / time_base) for index in range(len(images))]
            for image, time in zip(images, times, strict=True):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = time, time_base
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write


def _write_sound(container, seconds: float) -> None:
    stream = container.add_stream("aac", rate=16000)
    for start in range(0, int(seconds * 16000), 1024):
        tone = np.sin(np.arange(start, start + 1024) / 10).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


@pytest.fixture(scope="session")
def transport_stream():
    """A function that returns images as an MPEG transport stream, bytes."""

    def encode(images) -> bytes:
        file = io.BytesIO()
        with av.open(file, "w", format="mpegts") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width = images[0].shape[:2]
            stream.pix_fmt, stream.options = "yuv420p", {"preset": "ultrafast"}
            for image in images:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        return file.getvalue()

    return encode


@pytest.fixture
def serve():
    """A function that serves a video: one answer for each connection, of bytes, and after `None` of nothing any more.

    It returns the address, which is not found after the last answer.
    """
    released, servers = threading.Event(), []

    def start(*answers):
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), _handler(list(answers), released)))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/live.ts"

    yield start
    released.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def _handler(answers: list, released: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if not answers:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            for part in answers.pop(0):
                if part is None:
                    released.wait()
                else:
                    self.wfile.write(part)

        def log_message(self, *words):
            pass

    return Handler


@pytest.fixture(scope="session")
def red_finder():
    """A `Model` for images of 64 pixels whose detector boxes all that is red: one object of class `red`, or none."""
    import tensorflow as tf

    from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
    from detect.inference.predictor import Model
    from detect.models.card import ModelCard
    from detect.models.detector import Detector, DetectorConfig
    from detect.ops.nms import non_maximum_suppression
    from detect.structures import Candidates

    class RedFinder(Detector):
        smallest_side = 32

        def call(self, images, targets=None, training=False, extents=None):
            return {"images": tf.cast(images, tf.float32)}

        def loss(self, outputs, targets, closing=0.0):
            return {}

        def candidates(self, outputs):
            red = outputs["images"][..., 0] - outputs["images"][..., 1] > 90  # [B, H, W]
            x1, x2 = self.extent(tf.reduce_any(red, axis=1))
            y1, y2 = self.extent(tf.reduce_any(red, axis=2))
            scores = tf.cast(tf.reduce_any(red, axis=[1, 2]), tf.float32)[:, None] * 0.875
            return Candidates(tf.stack([x1, y1, x2, y2], axis=-1)[:, None], scores[..., None])

        def decode(self, outputs, confidence=None, iou=None):
            limits = self.config.limits(confidence)
            iou = self.config.iou if iou is None else iou
            return non_maximum_suppression(*self.candidates(outputs), iou=iou, **limits, runtime=self.runtime)

        def extent(self, red):
            """Return the first and the last true position of each row [B, n], as edges."""
            places = tf.range(tf.shape(red)[1])
            first = tf.reduce_min(tf.where(red, places, 10_000), axis=1)
            last = tf.reduce_max(tf.where(red, places + 1, 0), axis=1)
            return tf.cast(first, tf.float32), tf.cast(last, tf.float32)

    card = ModelCard(model="red", config={}, classes=("red", "never"), category_ids=(7, 9), image_size=64)
    return Model(TensorFlowBackEnd(RedFinder(DetectorConfig(max_detections=1), classes=2)), card)
