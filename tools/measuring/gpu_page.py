"""The files gpu.json and gpu.md: what was measured on a GPU."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OPERATIONS = (
    "figure",
    "what is measured",
    "detect, ms",
    "PyTorch, ms",
    "ratio",
    "lower bound, ms",
    "difference from CPU",
)
STEPS = ("step", "images", "detect, ms", "images/s", "GB", "PyTorch, ms", "images/s", "GB", "ratio", "other kernels")
LONGEST = 5  # kernels of a profile that are shown
# Names of the kernels of matrix products and convolutions, by the libraries that XLA takes them from.
PRODUCTS = re.compile(r"gemm|xmma|cutlass|nvjet|cudnn|fprop|dgrad|wgrad|conv(?!ert)|winograd", re.IGNORECASE)


def line(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"{row['name']}: FAILED {row['failed']}"
    peer = f", {row['peer_name']} {row['peer']:.3f} ms, ratio {row['ratio']:.2f}" if row["peer"] else ""
    return f"{row['name']}: {row['ours']:.3f} ms{peer}; at least {row['least']:.3f} ms; differs by {row['difference']}"


def write(folder: Path, limits: dict[str, float], rows: Sequence[dict[str, Any]]) -> None:
    content = {"limits": limits, "rows": list(rows)}
    (folder / "gpu.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if any("failed" not in row for row in rows):
        (folder / "gpu.md").write_text(page(limits, rows), encoding="utf-8")


def page(limits: dict[str, float], rows: Sequence[dict[str, Any]]) -> str:
    measured = [row for row in rows if "failed" not in row]
    operations = [operation_cells(row) for row in measured if not row.get("images")]
    steps = [step_cells(row) for row in measured if row.get("images")]
    profiles = "\n".join(f"- {row['name']}: {kernels(row)}" for row in measured if row.get("kernels"))
    device, speed = measured[0]["device"], f"{limits['gigabytes_per_second']:,.0f} GB/s"
    notes = "\n".join(f"- {row['name']}: {row['note']}" for row in rows if row.get("note"))
    return f"""<!-- Written by tools/measure_gpu.py: measure again instead of editing. -->

# Operations and steps on a GPU

Measured on one {device}, whose memory copies {speed}. The compiled functions were exported as StableHLO by
`tools/export_stablehlo_cases.py`, and run by `tools/measure_gpu.py` in JAX's runtime, without TensorFlow. Ten calls of
an operation are in flight together. The lower bound is the time that the device needs to read the inputs and write the
results once. The figures of PyTorch are those of torchvision's operations, and for SimOTA of the code of YOLOX's
authors. What is not listed was not run on a GPU.

{table(OPERATIONS, operations)}

A training step goes from images to new weights, in bfloat16 where that is safe, and a prediction from pixels to boxes.
PyTorch's side is torchvision's model, the code of YOLOX's authors, or `transformers` for D-FINE, in channels-last
format; "eager" says that it was not compiled. Other kernels are the share of the time that is spent outside matrix
products and convolutions. GB is the peak of the memory of the device.

{table(STEPS, steps)}

{notes}

The longest kernels of one call, in microseconds:

{profiles}
"""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(each) + " |" for each in (header, ["---"] * len(header), *rows))


def operation_cells(row: dict[str, Any]) -> list[str]:
    peer = [f"{row['peer']:.3f}", f"{row['ratio']:.1f}"] if row["peer"] else ["", ""]
    difference = "" if row["difference"] is None else f"{row['difference']:.0e}"
    return [row["name"], row["text"], f"{row['ours']:.3f}", *peer, f"{row['least']:.3f}", difference]


def step_cells(row: dict[str, Any]) -> list[str]:
    ours = [f"{row['ours']:.1f}", f"{1e3 * row['images'] / row['ours']:,.0f}", f"{row['memory'] / 1e3:.1f}"]
    peer = ["", "", "", ""]
    if row["peer"]:
        eager = " (eager)" if row.get("peer_eager") else ""
        rate, memory = f"{1e3 * row['images'] / row['peer']:,.0f}", f"{row['peer_memory'] / 1e3:.1f}"
        peer = [f"{row['peer']:.1f}{eager}", rate, memory, f"{row['ratio']:.1f}"]
    others = f"{row['others']:.0%}" if "others" in row else ""
    return [row["name"], f"{row['images']} x {row['text']}", *ours, *peer, others]


def share_of_others(found: Sequence[tuple[str, float, float]]) -> float:
    """Return the share of the time of kernels that are no matrix products or convolutions."""
    others = sum(time for name, time, _ in found if not PRODUCTS.search(name))
    return others / sum(time for _, time, _ in found)


def kernels(row: dict[str, Any]) -> str:
    shown = [f"{name.split('<')[0][:40]} {time:.0f} ({count:.0f}x)" for name, time, count in row["kernels"][:LONGEST]]
    return ", ".join(shown)
