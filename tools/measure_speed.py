"""Compare the speed of this project with other projects, in turns on the same machine.

    python tools/measure_speed.py                  all rows; about an hour on two cores
    python tools/measure_speed.py nms pipeline     only rows whose names contain one of these words
    python tools/measure_speed.py --list           the names of all rows

Writes README.md, speed.svg and results.json to docs/benchmarks/; rows that are not measured again stay as they are. The
first call installs the other projects into environments of their own under .venv-peers. The machine should do nothing
else meanwhile.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from measuring import speed_page
from measuring.comparisons import COMPARISONS, Comparison
from measuring.inputs import Inputs
from measuring.summary import Row, summarize
from measuring.workers import take_turns

ROOT = Path(__file__).parents[1]


def main() -> int:
    arguments = parse_arguments()
    words = [word.lower() for word in arguments.words] or [""]
    chosen = [row for row in COMPARISONS if any(word in row.name.lower() for word in words)]
    if arguments.list or not chosen:
        print(*(row.name for row in COMPARISONS), sep="\n")
        return int(not chosen)
    rows = speed_page.read(arguments.out)
    with tempfile.TemporaryDirectory() as folder:
        inputs = Inputs(arguments.data, Path(folder))
        for comparison in chosen:
            print(comparison.name, file=sys.stderr, flush=True)
            rows[comparison.name] = row = measure(comparison, inputs)
            print(f"  {row.sentence()}", file=sys.stderr, flush=True)
            speed_page.write(arguments.out, [rows[known.name] for known in COMPARISONS if known.name in rows])
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", metavar="WORD", help="rows whose names contain one of these; default: all")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with bccd and videos"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks", help="folder for the results")
    return parser.parse_args()


def measure(comparison: Comparison, inputs: Inputs) -> Row:
    """Run all sides of a comparison in turns, each in its own process."""
    sides = comparison.sides(inputs)
    with contextlib.ExitStack() as stack:
        tasks = [side.start(stack, comparison.cores) for side in sides]
        warmups = 0 if comparison.rounds == 1 else 1
        answers = take_turns(tasks, comparison.rounds, comparison.seconds, warmups)
    return summarize(comparison, [side.project for side in sides], answers)


if __name__ == "__main__":
    sys.exit(main())
