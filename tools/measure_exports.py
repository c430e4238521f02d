"""Export models in every format and precision; write what that costs to docs/exports.md.

    python tools/measure_exports.py                            a trained model of each family
    python tools/measure_exports.py yolox-micro                of these families; other columns of the page stay
    python tools/measure_exports.py --published MODEL --data D   a model with published weights, on a dataset

The trained models are those of tools/measuring/trained_models.py, which take hours on two cores. MODEL is the folder of
a model, in which exports are written. Times are measured with nothing beside.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from measuring.exports_page import page
from measuring.trained_models import LEARNING, Outcome, export_in_all_ways, train_and_export

from detect.export.comparison import benchmark

DOCS = Path(__file__).parents[1] / "docs"
FIGURES = DOCS / "benchmarks" / "exports.json"


def main() -> None:
    arguments = parse_arguments()
    if arguments.published:
        outcomes = export_in_all_ways(arguments.published, arguments.data)
        times = {form.name: form.milliseconds for form in benchmark(arguments.published)}  # each in its own process
        rows = {way: {**row(each), "milliseconds": round(times["-".join(way)], 1)} for way, each in outcomes.items()}
        note("published", arguments.published.name, rows)
        return
    for name in arguments.names:
        with tempfile.TemporaryDirectory() as folder:
            outcomes = train_and_export(name, Path(folder))
            note("trained", name, {way: row(outcome) for way, outcome in outcomes.items()})


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(LEARNING), help="first models of families; default: all")
    parser.add_argument("--published", type=Path, metavar="MODEL", help="a folder with a model")
    parser.add_argument("--data", help="the dataset to calibrate and score it on")
    return parser.parse_args()


def note(group: str, name: str, rows: dict[tuple[str, str], dict[str, float]]) -> None:
    """Write the figures of a model, and the page of all."""
    figures: dict[str, Any] = json.loads(FIGURES.read_text())
    figures[group][name] = {" ".join(way): row for way, row in rows.items()}
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    (DOCS / "exports.md").write_text(page(figures), encoding="utf-8")
    print(f"{name}: {DOCS / 'exports.md'}", flush=True)


def row(outcome: Outcome) -> dict[str, float]:
    check = outcome.check
    assert check.AP is not None
    assert check.AP_of_original is not None
    return {
        "AP_of_original": round(100 * check.AP_of_original, 2),
        "difference": round(100 * (check.AP - check.AP_of_original), 2),
        "megabytes": round(outcome.size / 1e6, 2),
        "kept": outcome.kept,
    }


if __name__ == "__main__":
    main()
