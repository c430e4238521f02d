"""Downloads from a server in this process: broken, resumed, changed, missing, and by several processes at once."""

import hashlib
import http.server
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from detect.errors import RunFailure
from detect.weights import download

CONTENT = bytes(range(256)) * 40
DIGEST = hashlib.sha256(CONTENT).hexdigest()[:8]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each request with the next of the server's answers; the last one is repeated."""

    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        answer(self)

    def log_message(self, *_):
        """Print nothing."""


def whole(request, content=CONTENT):
    """Send everything, whatever part was requested."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def rest(request, until=None):
    """Send what the Range requests; the connection breaks at byte `until`."""
    asked = request.headers.get("Range")
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
    if start >= len(CONTENT):
        request.send_error(416)
        return
    request.send_response(206 if asked else 200)
    request.send_header("Content-Length", str(len(CONTENT) - start))
    request.end_headers()
    request.wfile.write(CONTENT[start:until])


def until(end):
    return lambda request: rest(request, end)


def code(number):
    return lambda request: request.send_error(number)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """Use an empty cache folder, and do not wait between attempts."""
    monkeypatch.setenv("DETECT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "PAUSE", 0)
    return tmp_path / "cache"


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.ranges, server.answers = [], [rest]
    server.address = f"http://127.0.0.1:{server.server_port}/models/weights.pth"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def leftovers(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(".lock"))


def test_a_file_is_downloaded_once(server, cache):
    steps = []
    path = download.fetch(server.address, DIGEST, progress=lambda done, total: steps.append((done, total)))
    assert path == cache / "weights.pth"
    assert path.read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert download.fetch(server.address, DIGEST) == path
    assert server.ranges == [None]
    assert leftovers(cache) == ["weights.pth"]


def test_files_of_the_same_name_are_kept_under_the_fragments_of_their_addresses(server, cache):
    address = f"{server.address}#nano.pth"
    assert download.cached_file(address) == cache / "nano.pth"
    assert download.fetch(address, DIGEST).read_bytes() == CONTENT
    assert leftovers(cache) == ["nano.pth"]


def test_a_publisher_may_state_an_md5(server):
    right, wrong = hashlib.md5(CONTENT).hexdigest(), "0123456789abcdef"
    path = download.fetch(server.address, f"md5:{right}")
    assert download.difference(path, f"md5:{wrong}") == f"its MD5 starts with {right[:8]}, not 01234567"
    assert download.difference(path, DIGEST) is None
    with pytest.raises(RunFailure, match=f"its MD5 starts with {right[:8]}, not 01234567"):
        download.fetch(server.address, f"md5:{wrong}")
    assert not path.exists()


def test_who_waits_may_end_a_download_that_no_server_answers(cache):
    """Before each attempt: a partial file is a reason for several."""
    cache.mkdir()
    (cache / "weights.pth.part").write_bytes(CONTENT[:1000])
    steps = []

    def show(done, total):
        steps.append((done, total))
        if len(steps) == 2:
            raise RunFailure("enough")

    with pytest.raises(RunFailure, match="enough"):
        download.fetch("http://127.0.0.1:9/weights.pth", DIGEST, progress=show)
    assert steps == [(1000, 0)] * 2


def test_no_test_reaches_the_network():
    with pytest.raises(RunFailure, match=r"Could not download https://example\.org/weights\.pth: Connection refused"):
        download.fetch("https://example.org/weights.pth", DIGEST)


def test_a_file_put_there_by_hand_needs_no_network(cache):
    cache.mkdir()
    (cache / "weights.pth").write_bytes(CONTENT)
    assert download.fetch("http://127.0.0.1:9/weights.pth", DIGEST).read_bytes() == CONTENT


def test_a_broken_transfer_goes_on_where_it_broke(server):
    server.answers = [until(1000), until(3000), rest]
    assert download.fetch(server.address, DIGEST).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000-", "bytes=3000-"]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server, cache):
    server.answers = [until(1000), code(503)]
    with pytest.raises(RunFailure, match="answers 503"):
        download.fetch(server.address, DIGEST)
    assert leftovers(cache) == ["weights.pth.part"]
    server.answers = [rest]
    assert download.fetch(server.address, DIGEST).read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=1000-"
    assert leftovers(cache) == ["weights.pth"]


def test_a_server_that_cannot_resume_sends_everything_again(server):
    server.answers = [until(1000), whole]
    assert download.fetch(server.address, DIGEST).read_bytes() == CONTENT


@pytest.mark.parametrize("extra", [b"", b"something else"])
def test_a_partial_file_that_is_long_enough_already(server, cache, extra):
    cache.mkdir()
    (cache / "weights.pth.part").write_bytes(CONTENT + extra)
    assert download.fetch(server.address, DIGEST).read_bytes() == CONTENT


def test_attempts_end_when_they_receive_nothing(server):
    server.answers = [code(503)]
    with pytest.raises(RunFailure, match="503"):
        download.fetch(server.address, DIGEST)
    assert len(server.ranges) == download.ATTEMPTS


def test_a_file_that_is_gone_is_asked_for_once(server, cache):
    server.answers = [code(404)]
    with pytest.raises(RunFailure) as caught:
        download.fetch(server.address, DIGEST, otherwise="Or do without.")
    for part in (server.address, "404", str(cache / "weights.pth"), "Or do without."):
        assert part in str(caught.value)
    assert len(server.ranges) == 1


def test_another_content_is_refused_and_removed(server, cache):
    server.answers = [lambda request: whole(request, b"an error page")]
    with pytest.raises(RunFailure, match=f"not {DIGEST}"):
        download.fetch(server.address, DIGEST)
    assert leftovers(cache) == []


def test_a_damaged_file_in_the_cache_is_refused_and_removed(cache):
    cache.mkdir()
    (cache / "weights.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(RunFailure, match="SHA-256"):
        download.fetch("http://127.0.0.1:9/weights.pth", DIGEST)
    assert leftovers(cache) == []


def test_offline_says_where_to_get_it_and_where_to_put_it(server, cache):
    server.shutdown()
    server.server_close()
    with pytest.raises(RunFailure) as caught:
        download.fetch(server.address, DIGEST)
    assert server.address in str(caught.value)
    assert str(cache / "weights.pth") in str(caught.value)


def test_a_folder_that_cannot_be_written_is_named(server, cache, monkeypatch):
    cache.write_text("a file where the folder should be")
    with pytest.raises(RunFailure, match="DETECT_CACHE"):
        download.fetch(server.address, DIGEST)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_several_processes_download_one_file_once(server):
    """They are forked, so that none has to import anything; each exits with 0 if it gets the whole file."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=fetch_and_compare, args=(server.address,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert server.ranges == [None]


def fetch_and_compare(address: str) -> None:
    os._exit(0 if download.fetch(address, DIGEST).read_bytes() == CONTENT else 1)
