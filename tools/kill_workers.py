"""Kill worker processes of the input pipeline at random moments, and count what becomes of the batch in the making.

    python tools/kill_workers.py [--kills 500] [--seed 0]

Each time, the batch must fail with an error that says so: nobody may wait for ever for what the killed process held.
The exit code is 1 where somebody did. docs/reliability.md has the figures.
"""

import argparse
import itertools
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from detect.data.batches.making import WorkerPool
from detect.data.batches.process_pool import ProcessPool, pack
from detect.data.batches.sources import TrainingSource
from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.data.samples.augmentation import Augmentation
from detect.data.samples.image_cache import ImageCache
from detect.data.samples.sample_order import sample_order
from detect.data.samples.sample_stream import SampleStream
from detect.data.shapes import write_shapes
from detect.errors import RunFailure

IMAGES, SIDE, BATCH, MAX_BOXES, WORKERS = 32, 64, 16, 40, 2
LONGEST_WAIT = 30.0  # seconds for a batch, after which it is taken to wait for ever


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    generator, outcomes = random.Random(arguments.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        pool = pool_of(Path(folder))
        for number in range(arguments.kills):
            outcomes[outcome_of_kill(pool, generator)] += 1
            if number % 50 == 49:
                print(f"{number + 1} kills: {dict(outcomes)}", flush=True)
    print(f"{arguments.kills} kills: {dict(outcomes)}")
    return int(outcomes["waits for ever"] > 0)


def pool_of(folder: Path) -> ProcessPool:
    """Return a pool that makes samples of small images, half of which are in the shared cache."""
    records = split(open_dataset(write_shapes(folder, train=IMAGES, val=2, image_size=SIDE)), "train")
    cache = ImageCache(records, SIDE, 1.0, IMAGES * SIDE * SIDE * 3 // 2)
    source = TrainingSource(SampleStream(cache, Augmentation(), sample_order(records, 0, 0.0)), (SIDE,), BATCH, (0, 1))
    packed = pack(source)
    assert packed is not None
    return ProcessPool(source, packed, MAX_BOXES, WORKERS, (SIDE, SIDE), cache.descriptors)


def outcome_of_kill(pool: ProcessPool, generator: random.Random) -> str:
    """Kill a worker while batches are made, and return what happens. The processes start anew with each call."""
    pool.make(0)
    victim = generator.choice(pool.processes())
    found: list[str] = []
    maker = threading.Thread(target=lambda: found.append(outcome_of(pool)), daemon=True)
    maker.start()
    time.sleep(generator.uniform(0, 0.05))
    victim.kill()
    maker.join(LONGEST_WAIT)
    pool.close()
    return found[0] if found else "waits for ever"


def outcome_of(pool: WorkerPool) -> str:
    """Make batches until one fails, and return how."""
    try:
        for batch in itertools.count(1):
            pool.make(batch)
    except RunFailure:
        return "an error that says so"
    except Exception as error:
        return type(error).__name__
    raise AssertionError("there is no last batch")


if __name__ == "__main__":
    raise SystemExit(main())
