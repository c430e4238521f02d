"""The files gpu.json and gpu.md: what was measured on a GPU."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HEADER = ("figure", "what is measured", "detect, ms", "PyTorch, ms", "ratio", "lower bound, ms", "difference from CPU")
LONGEST = 5  # kernels of a profile that are shown


def line(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"{row['name']}: FAILED {row['failed']}"
    peer = f", {row['peer_name']} {row['peer']:.3f} ms, ratio {row['ratio']:.2f}" if row["peer"] else ""
    return f"{row['name']}: {row['ours']:.3f} ms{peer}; at least {row['least']:.3f} ms; differs by {row['difference']}"


def write(folder: Path, limits: dict[str, float], rows: Sequence[dict[str, Any]]) -> None:
    content = {"limits": limits, "rows": list(rows)}
    (folder / "gpu.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    measured = [row for row in rows if "failed" not in row]
    if measured:
        (folder / "gpu.md").write_text(page(limits, measured), encoding="utf-8")


def page(limits: dict[str, float], rows: Sequence[dict[str, Any]]) -> str:
    lines = [HEADER, ["---"] * len(HEADER), *(cells(row) for row in rows)]
    table = "\n".join("| " + " | ".join(each) + " |" for each in lines)
    profiles = "\n".join(f"- {row['name']}: {kernels(row)}" for row in rows if row.get("kernels"))
    device, speed = rows[0]["device"], f"{limits['gigabytes_per_second']:,.0f} GB/s"
    notes = "".join(f"\n- {row['name']}: {row['note']}" for row in rows if row.get("note"))
    return f"""<!-- Written by tools/measure_gpu.py: measure again instead of editing. -->

# Operations on a GPU

Measured on one {device}, whose memory copies {speed}. The compiled functions were exported as StableHLO by
`tools/export_stablehlo_cases.py`, and run by `tools/measure_gpu.py` in JAX's runtime, without TensorFlow. Ten calls are
in flight together. The lower bound is the time that the device needs to read the inputs and write the results once. The
figures of PyTorch are those of torchvision's operations, and for SimOTA of the code of YOLOX's authors. Operations that
are not listed were not run on a GPU.

{table}
{notes}

The longest kernels of one call, in microseconds:

{profiles}
"""


def cells(row: dict[str, Any]) -> list[str]:
    peer = [f"{row['peer']:.3f}", f"{row['ratio']:.1f}"] if row["peer"] else ["", ""]
    difference = "" if row["difference"] is None else f"{row['difference']:.0e}"
    return [row["name"], row["text"], f"{row['ours']:.3f}", *peer, f"{row['least']:.3f}", difference]


def kernels(row: dict[str, Any]) -> str:
    shown = [f"{name.split('<')[0][:40]} {time:.0f} ({count:.0f}x)" for name, time, count in row["kernels"][:LONGEST]]
    return ", ".join(shown)
