"""Compare the speed of this project with other projects, in turns on the same machine.

    python tools/measure_speed.py                  all rows; about an hour on two cores
    python tools/measure_speed.py nms pipeline     only rows whose names contain one of these words
    python tools/measure_speed.py --list           the names of all rows
    python tools/measure_speed.py --page           only write the page again, from the figures that are there

Writes README.md, speed.svg and results.json to docs/benchmarks/; rows that are not measured again stay as they are. The
first call installs the other projects into environments of their own under .venv-peers. The machine should do nothing
else meanwhile.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measuring import speed_page
from measuring.comparisons import COMPARISONS, Comparison, Side
from measuring.environments import NotInstalledError
from measuring.inputs import Inputs
from measuring.model_sizes import PUBLISHED, counted
from measuring.summary import Row, summarize
from measuring.workers import take_turns

ROOT = Path(__file__).parents[1]


def main() -> int:
    arguments = parse_arguments()
    if arguments.page:
        speed_page.write_page(arguments.out)
        return 0
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
    parser.add_argument("--page", action="store_true", help="measure nothing, and write the page again")
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with bccd and videos"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks", help="folder for the results")
    return parser.parse_args()


def measure(comparison: Comparison, inputs: Inputs) -> Row:
    """Run all sides of a comparison that can be installed in turns, each in its own process."""
    sides = comparison.sides(inputs)
    missing = {side.project: reason for side in sides if (reason := reason_against(side))}
    with contextlib.ExitStack() as stack:
        tasks = {side.project: side.start(stack, comparison.cores) for side in sides if side.project not in missing}
        warmups = 0 if comparison.rounds == 1 else 2  # ours compiles twice
        answers = take_turns([*tasks.values()], comparison.rounds, comparison.seconds, warmups)
    return summarize(comparison, [*tasks], answers, sizes(comparison, [*tasks]), missing)


def reason_against(side: Side) -> str:
    """Return why the environment of a side cannot be installed; an empty text where it can."""
    try:
        side.python()
    except NotInstalledError as error:
        return str(error)
    return ""


def sizes(comparison: Comparison, projects: Sequence[str]) -> dict[str, str]:
    """Return the sizes of the models by project; none where all have the same model, or the row is about no model."""
    if not comparison.model:
        return {}
    ours, *others = projects
    known = {ours: counted(comparison.model), **{name: PUBLISHED[name] for name in others}}
    return {project: size.at(comparison.side) for project, size in known.items()}


if __name__ == "__main__":
    sys.exit(main())
