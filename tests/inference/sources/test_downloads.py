"""Images and videos at http addresses, from a server in this process."""

import http.server
import threading
import warnings

import cv2
import numpy as np
import pytest

from detect.errors import BadInput
from detect.inference.sources import downloads
from detect.inference.sources.finding import find_sources, read_frames

GREY = np.full((32, 48, 3), 90, np.uint8)


@pytest.fixture
def site(tmp_path, write_video):
    """The address of a server with an image and a video, each with and without a suffix in its name."""
    image = cv2.imencode(".png", GREY)[1].tobytes()
    video = write_video(tmp_path / "clip.mp4", [GREY] * 5).read_bytes()
    pages = {
        "/a.png": ("image/png", image),
        "/private.png": ("image/png", image),
        "/image": ("image/png", image),
        "/clip.mp4": ("video/mp4", video),
        "/video": ("video/mp4", video),
        "/page": ("text/html", b"<html>"),
        "/broken.jpg": ("image/jpeg", b"no image"),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith("/elsewhere"):
                self.send_response(302)
                self.send_header("Location", f"http://localhost:{self.server.server_port}/private.png")
                self.end_headers()
                return
            if self.path not in pages:
                self.send_error(404)
                return
            if self.path == "/private.png" and self.headers["Authorization"] != "Basic bWU6cEBzcw==":  # me:p@ss
                self.send_error(401)
                return
            kind, content = pages[self.path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *parts):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def frames_of(address):
    return list(read_frames(find_sources(address), warnings.warn))


def test_images(site):
    for path in ("/a.png", "/image"):
        (frame,) = frames_of(site + path)
        assert np.array_equal(frame.image, GREY)
        assert frame.timestamp is None


def test_videos(site):
    for path in ("/clip.mp4", "/video"):
        frames = frames_of(site + path)
        assert len(frames) == 5
        assert frames[0].video.rate == 25
        assert frames[0].video.sound is None


def test_what_is_neither(site):
    with pytest.raises(BadInput, match="expected an image or a video, the server sends text/html"):
        find_sources(site + "/page")
    with pytest.raises(BadInput, match="broken"):
        frames_of(site + "/broken.jpg")


def test_a_login_is_not_passed_on_to_another_server(site):
    with_login = site.replace("http://", "http://me:p%40ss@")
    assert len(frames_of(with_login + "/private.png")) == 1
    with pytest.raises(BadInput, match="the server answers 401"):
        frames_of(with_login + "/elsewhere.png")


@pytest.mark.parametrize("path", ["/missing", "/missing.png"])
def test_what_is_not_there(site, path):
    with pytest.raises(BadInput, match=r"/missing.* cannot be read: the server answers 404 Not Found"):
        frames_of(site + path)


def test_a_missing_video(site):
    with pytest.raises(BadInput, match=r"missing\.mp4: the video cannot be opened"):
        frames_of(site + "/missing.mp4")


def test_a_server_that_is_not_there():
    with pytest.raises(BadInput, match=r"http://127\.0\.0\.1:9/a\.png cannot be read: .*refused"):
        frames_of("http://me:secret@127.0.0.1:9/a.png")


def test_a_password_is_used_and_not_shown(site):
    assert len(frames_of(site.replace("//", "//me:p%40ss@") + "/private.png")) == 1
    with pytest.raises(BadInput, match=r"^http://127[^@]*/private\.png cannot be read: the server answers 401"):
        frames_of(site.replace("//", "//me:wrong@") + "/private.png")


def test_images_that_are_too_large(site, monkeypatch):
    monkeypatch.setattr(downloads, "LARGEST_IMAGE", 10)
    with pytest.raises(BadInput, match="larger than"):
        frames_of(site + "/a.png")


def test_a_server_outside_leads_to_nothing_inside(site, monkeypatch):
    """`/elsewhere` leads from 127.0.0.1, taken for a server outside here, to localhost."""
    monkeypatch.setattr(downloads, "is_inside", lambda host: host == "localhost")
    with pytest.raises(BadInput, match="it leads to localhost, which is in a private network"):
        frames_of(site + "/elsewhere.png")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::1"])
def test_hosts_inside(host):
    assert downloads.is_inside(host)


@pytest.mark.parametrize("host", ["93.184.216.34", "no such host.invalid", None])
def test_hosts_outside(host):
    assert not downloads.is_inside(host or "1.1.1.1")


def test_a_server_that_sends_a_byte_now_and_then(monkeypatch):
    """It would go on for ever, never without an answer for long."""
    monkeypatch.setattr(downloads, "LONGEST", 0.05)
    ended = threading.Event()
    monkeypatch.setattr(downloads, "_open", lambda address: ended.wait())
    with pytest.raises(BadInput, match=r"cannot be read: the server has not sent all of it in 0\.05 s"):
        downloads.download_image("http://example.org/a.png")
    ended.set()


def test_passwords_are_not_shown():
    assert downloads.shown("rtsp://me:p%40ss@host:554/a?b=c") == "rtsp://host:554/a?b=c"
    assert downloads.shown("https://host/a@b.jpg") == "https://host/a@b.jpg"
