"""Run all tests in parts, also after one has failed, and end in one line of counts. Exits with 1 if any test failed.

    python tools/run_tests.py

Each part has processes of its own: TensorFlow and the converters keep gigabytes of what they have traced and compiled.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
# Patterns of paths; what is quick to run and quick to understand comes first.
PARTS = (
    ("tests/test_*.py", "tests/ops", "tests/data", "tests/layers"),
    ("tests/models", "tests/weights"),
    (
        "tests/artefacts",
        "tests/tracking",
        "tests/inference",
        "tests/evaluation",
        "tests/reports",
        "tests/training",
        "tests/advice",
        "tests/cli",
    ),
    ("tests/serving", "tests/formats", "tests/export"),
)
# Two workers, because half of the time is tracing, which takes one core.
PYTEST = (sys.executable, "-m", "pytest", "-q", "-n", "2")


class Counts(NamedTuple):
    """The number of tests by outcome; `failed` includes errors outside of the tests themselves."""

    passed: int
    failed: int
    skipped: int


def main() -> int:
    counts = Counts(*map(sum, zip(*map(run_part, PARTS), strict=True)))
    print(f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return 1 if counts.failed else 0


def run_part(patterns: tuple[str, ...]) -> Counts:
    """Run pytest on the paths that match `patterns`; its output goes to the terminal."""
    paths = [str(path) for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = subprocess.run([*PYTEST, f"--junitxml={report}", *paths], cwd=ROOT, check=False).returncode
        counts = read_counts(report) if report.exists() else Counts(0, 0, 0)
    # pytest also fails without a failed test: where it finds none, or where it crashes.
    return counts._replace(failed=1) if code and not counts.failed else counts


def read_counts(report: Path) -> Counts:
    """Count the outcomes in a report of pytest in JUnit's format."""
    outcomes = [{child.tag for child in case} for case in ElementTree.parse(report).iter("testcase")]
    failed = sum(bool(tags & {"failure", "error"}) for tags in outcomes)
    skipped = sum("skipped" in tags for tags in outcomes)
    return Counts(len(outcomes) - failed - skipped, failed, skipped)


if __name__ == "__main__":
    sys.exit(main())
