"""`detect serve`: one process from start to end, and what it refuses to serve."""

import io
import re
import signal
import socket
import subprocess
import sys

import httpx
import numpy as np
import pytest
from PIL import Image

from detect.serving.batching import warm_up

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM for other processes")
def test_a_server_answers_as_predict_and_ends_with_sigterm(model_folder, loaded_model):
    words = [sys.executable, "-m", "detect", "serve", str(model_folder), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        first, line = server.stdout.readline(), server.stdout.readline()
        assert first == "untrained: runs in TensorFlow.\n"
        address = re.fullmatch(r"Serving at (http://127\.0\.0\.1:\d+) \(Ctrl-C stops it\)\.\n", line)[1]
        file = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (150, 100, 3), np.uint8)).save(file, "PNG")
        answer = httpx.post(f"{address}/v1/detect?confidence=0", content=file.getvalue(), timeout=60, trust_env=False)
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=60)
    assert (server.returncode, out, err) == (0, "Stopped.\n", "")
    warm_up(loaded_model)
    (expected,) = loaded_model.predict(file.getvalue(), confidence=0)
    found = answer.json()
    assert (found["width"], found["height"], len(found["objects"])) == (100, 150, len(expected))
    assert [each["box"] for each in found["objects"]] == expected.boxes.tolist()
    assert [each["score"] for each in found["objects"]] == expected.scores.tolist()
    assert len(expected) > 10


def test_what_cannot_be_served(command, model, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command("serve", model, "--port", port)
    assert done.code == 2
    assert f"Error: 127.0.0.1, port {port}, cannot be served: " in done.err
    assert "--port" in done.err
    assert (
        "no.such.host.invalid, port 8000, cannot be served"
        in command("serve", model, "--host", "no.such.host.invalid").err
    )
    assert "given twice" in command("serve", model, model).err
    assert "nowhere" in command("serve", "nowhere").err
    monkeypatch.setattr("detect.cli.serve.NEEDED", ("fastapi", "no_such_package"))
    done = command("serve", model)
    assert (done.code, "pip install no-such-package, or install detect with its extra `serve`." in done.err) == (
        2,
        True,
    )
