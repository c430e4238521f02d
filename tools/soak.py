"""Work for long in one process, and print how memory, file descriptors and threads grow.

    python tools/soak.py [steps] [predictions] [frames] [evaluations] [--share 1]

By default all of it: 20,000 training steps, 5,000 predictions, 20,000 video frames and 200 evaluations; `--share 0.05`
does a twentieth. The slopes are those of lines fitted to the second half, when caches are full. docs/reliability.md has
the figures.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import detect
from detect.data.shapes import write_shapes, write_shapes_video

PAGE = os.sysconf("SC_PAGE_SIZE")
MODEL, SETTINGS, SIDE = "yolox-micro", {"width": 0.0625, "depth": 0}, 64
SAMPLES = 200  # measurements of each kind of work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", nargs="*", help=f"any of {', '.join(WORK)}")
    parser.add_argument("--share", type=float, default=1.0, help="of the amounts of work")
    arguments = parser.parse_args()
    print("work, how much; memory, descriptors and threads in the end, and their growth per 1,000")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_shapes(place, train=32, val=8, image_size=SIDE)
        trained = train(place, epochs=1, name="first")
        for name in arguments.work or WORK:
            work, amount = WORK[name]
            count = max(10, round(arguments.share * amount))
            report(name, np.array(list(measured(work(place, trained, count), count))))


def train(place: Path, **settings) -> Path:
    """Train a tiny detector and return the folder of its run."""
    small = {"image_size": SIDE, "batch_size": 4, "architecture": SETTINGS, "weights": "none", "validations": 1}
    return detect.train(place, MODEL, runs=place / "runs", **{**small, **settings}).folder


def steps(place: Path, trained: Path, count: int) -> Iterator[tuple[float, ...]]:
    """Make training steps, whose numbers are measured by a callback."""
    rows = []

    class Measuring(detect.TrainingCallback):
        def on_step(self, progress, losses, learning_rate):
            if progress.step % max(1, count // SAMPLES) == 0:
                rows.append((progress.step, *usage()))

    train(place, epochs=count / 8, name="long", callbacks=[Measuring()])
    yield from rows


def predictions(place: Path, trained: Path, count: int) -> Iterator[None]:
    """Detect objects in single images."""
    model, image = detect.load(trained), np.zeros((SIDE, SIDE, 3), np.uint8)
    for _ in range(count):
        yield model.predict(image)


def frames(place: Path, trained: Path, count: int) -> Iterator[None]:
    """Detect objects in the frames of videos."""
    model, video = detect.load(trained), place / "clip.mp4"
    write_shapes_video(video, seconds=20)
    done = 0
    while done < count:
        for _ in model.predict(video, stream=True):
            done += 1
            yield


def evaluations(place: Path, trained: Path, count: int) -> Iterator[None]:
    """Score a model again and again."""
    model = detect.load(trained)
    for _ in range(count):
        yield detect.evaluate(model, place)


WORK: dict[str, tuple[Callable[[Path, Path, int], Iterator], int]] = {
    "steps": (steps, 20_000),
    "predictions": (predictions, 5_000),
    "frames": (frames, 20_000),
    "evaluations": (evaluations, 200),
}


def measured(done: Iterator, count: int) -> Iterator[tuple[float, ...]]:
    """Yield how much had been done, and what was used, `SAMPLES` times at most."""
    for number, each in enumerate(done, 1):
        if isinstance(each, tuple):  # the work measures itself
            yield each
        elif number % max(1, count // SAMPLES) == 0:
            yield number, *usage()


def usage() -> tuple[float, int, int]:
    """Return the memory of this process in MB, and its numbers of file descriptors and threads."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * PAGE / 1e6, len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))


def report(name: str, rows: np.ndarray) -> None:
    """Print the last of the measurements [n, 4], and by how much each grows per thousand pieces of work."""
    later, last = rows[len(rows) // 2 :], rows[-1]
    growth = [1000 * np.polyfit(later[:, 0], later[:, column], 1)[0] for column in (1, 2, 3)]
    parts = zip(("MB", "descriptors", "threads"), last[1:], growth, strict=True)
    print(
        f"{name}, {last[0]:.0f}:", "; ".join(f"{end:.0f} {kind}, {each:+.2f}" for kind, end, each in parts), flush=True
    )


if __name__ == "__main__":
    main()
