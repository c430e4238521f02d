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
from urllib.parse import urlsplit

import detect
from detect.data.pixels.headers import is_image_name
from detect.inference.exports import find_artefact
from detect.inference.predictor import Model

ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="as for detect serve; with --ask, the address of a server")
    parser.add_argument("images", type=Path, help="a folder of images")
    parser.add_argument("--count", type=int, default=128, help="how many of them; default 128")
    parser.add_argument("--clients", type=int, default=8, help="requests at a time; default 8")
    parser.add_argument("--ask", action="store_true", help="only send the images to a server that runs already")
    given = parser.parse_args()
    files = sorted(path for path in given.images.iterdir() if is_image_name(path.name))[: given.count]
    if given.ask:
        print(ask(given.model, [path.read_bytes() for path in files], given.clients))
    else:
        compare(given, files)


def compare(given: argparse.Namespace, files: list[Path]) -> None:
    """Print images per second, and milliseconds of processor time of this process per image, of both."""
    model = detect.load(find_artefact(given.model, "auto") or given.model)
    rates: dict[str, list[tuple[float, float]]] = {"predict": [], "serve": []}
    words = [sys.executable, __file__, "ADDRESS", given.images, f"--count={given.count}", f"--clients={given.clients}"]
    with served(model) as address:
        words[2] = address
        for _ in range(ROUNDS + 1):  # the first warms up
            start, used = time.perf_counter(), time.process_time()
            for _ in model.predict(list(map(str, files)), stream=True):
                pass
            rates["predict"].append(per_image(len(files), time.perf_counter() - start, time.process_time() - used))
            used = time.process_time()
            done = subprocess.run([*map(str, words), "--ask"], capture_output=True, text=True, check=True)
            rates["serve"].append(per_image(len(files), float(done.stdout), time.process_time() - used))
    for name, measured in rates.items():
        rate, milliseconds = (statistics.median(column) for column in zip(*measured[1:], strict=True))
        print(f"{name}: {rate:.1f} images/s, {milliseconds:.1f} ms of processor time per image")
    ratios = [serve[0] / predict[0] for serve, predict in zip(rates["serve"][1:], rates["predict"][1:], strict=True)]
    print(f"serve / predict: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def per_image(images: int, seconds: float, processor_seconds: float) -> tuple[float, float]:
    return images / seconds, 1000 * processor_seconds / images


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
