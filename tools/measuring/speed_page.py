"""The files in docs/benchmarks/: the figures as JSON, as a page and as a plot."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from measuring.environments import is_installed, python_of
from measuring.summary import Row, row_from_json

FILE = "results.json"
VERSIONS = {
    "torch": ("torch", "torchvision", "ultralytics", "yolox", "faster-coco-eval"),
    "kerashub": ("keras-hub",),
    "rfdetr": ("rfdetr",),
    "transformers": ("transformers", "torch"),
}
OWN_VERSIONS = ("tensorflow", "keras", "opencv-python", "albumentations", "hotcoco", "pycocotools")


def read(folder: Path) -> dict[str, Row]:
    """Return the rows that were measured before, by name."""
    return {row["name"]: row_from_json(row) for row in _content(folder)["rows"]}


def write(folder: Path, rows: Sequence[Row]) -> None:
    """Write all files after a measurement on this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    before = _content(folder)["versions"]
    content = {"versions": {**before, **versions()}, "rows": [row.to_json() for row in rows]}
    (folder / FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    write_page(folder)


def write_page(folder: Path) -> None:
    """Write the page and the plot from the figures that were measured before."""
    content, rows = _content(folder), list(read(folder).values())
    (folder / "README.md").write_text(page(rows, content["versions"]), encoding="utf-8")
    plot(folder / "speed.svg", rows)


def _content(folder: Path) -> dict[str, Any]:
    path = folder / FILE
    empty: dict[str, Any] = {"rows": [], "versions": {}}
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else empty


def page(rows: Sequence[Row], versions: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        rows: in the order of the page.
        versions: of all projects, by name.
    """
    machines = list(dict.fromkeys(row.machine for row in rows))
    numbered = "\n".join(f"{number}. {name}" for number, name in enumerate(machines, 1))
    header = (
        *("figure", "what is measured", "detect", "others (ratio)", "ratio", "target", "reached", "peak memory, MB"),
        "measured",
    )
    lines = [header, ["---"] * len(header), *(cells(row, machines) for row in rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    used = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"""<!-- Written by tools/measure_speed.py: measure again instead of editing. -->

# Speed compared with other projects

Each figure is the median of several rounds in which the projects took turns on the same machine, within the same hour,
each in its own process and environment. Work that takes milliseconds is repeated for 0.2 s per turn. Numbers in
parentheses are the 10th and 90th percentiles. A ratio is the median of the ratios of all rounds, and above 1 where
`detect` is better; the last ratio is the one to the best other project, or to the one that the target names. Peak
memory is that of the process and of the worker processes that it has started; memory that they share is counted for
each.

Like is compared with like: TensorFlow with PyTorch, as each project trains and predicts, and OpenVINO with OpenVINO.
Where the models differ, the row states their sizes. Ours are counted. Those of others are published by their authors:
[YOLO11](https://docs.ultralytics.com/models/yolo11/), [YOLO26](https://docs.ultralytics.com/models/yolo26/),
[D-FINE](https://github.com/Peterande/D-FINE), [RF-DETR](https://rfdetr.roboflow.com/develop/learn/benchmarks/). A
multiply-add is half of what they count as floating-point operations, for an image of the row's size.

The last column has the day and, in parentheses, the number of the machine, all without a GPU:

{numbered}

To measure on your machine, run `make bench`.

![Ratio of each figure to the best other project](speed.svg)

{table}

[Operations on a GPU](gpu.md) were measured separately. [Profiles](profiles.md) show where the time goes in rows that do
not reach their target. All raw figures are in [results.json](results.json).

Versions: {used}.
"""


def cells(row: Row, machines: Sequence[str]) -> list[str]:
    """Return the cells of a row; `machines` are those of the page, in the order of their numbers."""
    ours, *_ = row.sides.values()
    others = [f"{name} {row.sides[name].median:.4g} ({ratio:.2f})" for name, ratio in row.ratios.items()]
    others += [f"{name} {reason}" for name, reason in row.missing.items()]
    text = "<br>".join([row.text, *row.models.values()])
    target = [f"{row.target:g} x {row.target_of or 'the best'}"] if row.target is not None else []
    target += [f"{row.limit:g} {row.unit} at most"] if row.limit is not None else []
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    reached = {None: "", True: "yes", False: "**no**"}[row.reached]
    spread = f"{row.ours:.4g} {row.unit} ({ours.low:.4g} to {ours.high:.4g})"
    measured = f"{row.measured} ({machines.index(row.machine) + 1})"
    memory = "<br>".join(f"{name} {side.memory:.0f}" for name, side in row.sides.items())
    return [row.name, text, spread, "<br>".join(others), ratio, "<br>".join(target), reached, memory, measured]


def plot(path: Path, rows: Sequence[Row]) -> None:
    """Draw the ratios as bars on a logarithmic axis, and the targets as marks."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    shown = [(row, row.ratio) for row in rows if row.ratio is not None]
    figure, axes = plt.subplots(figsize=(9, 0.32 * len(shown) + 1.2), layout="constrained")
    places = range(len(shown))
    colours = ["#c0392b" if row.reached is False else "#2a7f62" for row, _ in shown]
    axes.barh(places, [ratio for _, ratio in shown], color=colours, height=0.62)
    for place, (row, ratio) in enumerate(shown):
        axes.text(max(ratio, row.target or 0) * 1.04, place, f"{ratio:.2f} x {row.peer_name}", va="center", fontsize=8)
        if row.target is not None:
            axes.plot([row.target] * 2, [place - 0.42, place + 0.42], color="black", linewidth=1.5)
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(0.4, 3 * max((ratio for _, ratio in shown), default=1))
    axes.set_xticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    axes.set_yticks(places, [row.name for row, _ in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as the best other project; black line: target")
    axes.spines[["top", "right"]].set_visible(False)
    with matplotlib.rc_context({"svg.hashsalt": "detect"}):
        figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def versions() -> dict[str, str]:
    """Return the versions of all projects that are compared and installed."""
    found = {name: version(name) for name in OWN_VERSIONS}
    script = "import sys, importlib.metadata as m; print(*(f'{n} {m.version(n)}' for n in sys.argv[1:]), sep='\\n')"
    for environment, names in VERSIONS.items():
        if is_installed(environment):
            command = [str(python_of(environment)), "-c", script, *names]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            for name, _, number in (line.partition(" ") for line in said.splitlines()):
                own = name == "torch" and environment != "torch"  # several environments have PyTorch
                found[f"{name} with {environment}" if own else name] = number
    return found
