"""Measure how many images per second `detect serve` answers, beside what `Model.predict` reaches on the same files.

    python tools/measure_serving.py runs/plates photos/ --clients 8

Both run in turns in one process, so that they have the same machine and the same model. The clients are a process of
their own; where cores are few, what they take of them is missing to the server.
"""

import argparse
import http.client
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import detect
from detect.data.pixels.headers import is_image_name
from detect.inference.exports import find_artefact
from detect.inference.predictor import Model

ROUNDS = 5


class Round(NamedTuple):
    """Images per second, and milliseconds of processor time of this process per image, of both."""

    predict: float
    predict_processor: float
    serve: float
    serve_processor: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="as for detect serve; with --ask, the address of a server")
    parser.add_argument("images", type=Path, help="a folder of images")
    parser.add_argument("--count", type=int, default=128, help="how many of them; default 128")
    parser.add_argument("--clients", type=int, default=8, help="requests at a time; default 8")
    parser.add_argument("--ask", action="store_true", help="only send the images to a server that runs already")
    given = parser.parse_args()
    if given.ask:
        print(ask(given.model, [path.read_bytes() for path in files_in(given.images, given.count)], given.clients))
        return
    model = detect.load(find_artefact(given.model, "auto") or given.model)
    rounds = compare(model, given.images, given.count, given.clients)
    predict, predict_processor, serve, serve_processor = (statistics.median(each) for each in zip(*rounds, strict=True))
    shares = [each.serve / each.predict for each in rounds]
    print(f"predict: {predict:.1f} images/s, {predict_processor:.1f} ms of processor time per image")
    print(f"serve: {serve:.1f} images/s, {serve_processor:.1f} ms of processor time per image")
    print(f"serve / predict: {statistics.median(shares):.3f} ({min(shares):.3f} to {max(shares):.3f})")


def files_in(folder: Path, count: int) -> list[Path]:
    return sorted(path for path in folder.iterdir() if is_image_name(path.name))[:count]


def compare(model: Model, folder: Path, count: int = 128, clients: int = 8) -> list[Round]:
    """Run a model on the first images of a folder in both ways, in turns, after a turn to warm up."""
    paths = list(map(str, files_in(folder, count)))
    words = [sys.executable, __file__, "ADDRESS", folder, f"--count={count}", f"--clients={clients}", "--ask"]
    rounds = []
    with served(model) as address:
        words[2] = address
        for _ in range(ROUNDS + 1):
            start, used = time.perf_counter(), time.process_time()
            for _ in model.predict(paths, stream=True):
                pass
            seconds, used_then = time.perf_counter() - start, time.process_time()
            done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True)
            processor = [1000 * part / len(paths) for part in (used_then - used, time.process_time() - used_then)]
            rounds.append(Round(len(paths) / seconds, processor[0], len(paths) / float(done.stdout), processor[1]))
    return rounds[1:]


@contextmanager
def served(model: Model) -> Iterator[str]:
    """Serve a model from a thread, and yield the address."""
    import uvicorn

    from detect.serving.app import create_app
    from detect.serving.batching import warm_up
    from detect.serving.server import Server, address_of, bound_socket

    warm_up(model)
    bound, started = bound_socket("127.0.0.1", 0), threading.Event()
    config = uvicorn.Config(create_app({"model": model}), log_level="warning", access_log=False)
    server = Server(config, started.set)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    started.wait()
    try:
        yield address_of(bound)
    finally:
        server.should_exit = True
        thread.join()


def ask(address: str, images: list[bytes], clients: int) -> float:
    """Send all images to a server, `clients` at a time, and return the seconds until the last answer."""
    waiting = iter(images)
    threads = [threading.Thread(target=send, args=(address, waiting)) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def send(address: str, waiting: Iterator[bytes]) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc)
    for image in waiting:  # an iterator of a list may be shared by threads
        connection.request("POST", "/v1/detect", image, {"Content-Type": "image/jpeg"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(content.decode())


if __name__ == "__main__":
    main()
