"""`report.html` of a training run: one file that opens anywhere, with every figure and picture inside it."""

import base64
import html
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detect.evaluation.coco_scores import METRICS, Scores
from detect.evaluation.figures import confusion_chart, line_chart, precision_recall_chart
from detect.files import write_text

PICTURES = {
    "predictions_val.jpg": "What the model finds in validation images",
    "batches_train.jpg": "Training batches, as the model sees them",
}
MEANINGS = {
    "AP": "average precision, mean over IoU 0.50 to 0.95",
    "AP50": "at IoU 0.50",
    "AP75": "at IoU 0.75",
    "APs": "small objects, under 32 x 32 pixels",
    "APm": "medium objects",
    "APl": "large objects, over 96 x 96 pixels",
    "AR1": "average recall, 1 detection an image",
    "AR10": "10 detections an image",
    "AR100": "100 detections an image",
    "ARs": "small objects",
    "ARm": "medium objects",
    "ARl": "large objects",
}
SUMMARY = ("model", "data", "image_size", "batch_size", "epochs", "max_time", "weights", "precision", "seed")
NOT_LOSSES = {"step", "epoch", "time", "kind", "learning_rate", "images_per_second", "data_wait"}

STYLE = """
:root { --ink: #0f172a; --soft: #64748b; --line: #e2e8f0; --accent: #2563eb; }
* { box-sizing: border-box; }
body { margin: 0; background: #f8fafc; color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 28px; margin: 0; letter-spacing: -.02em; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 0 0 16px; }
.soft, figcaption { color: var(--soft); }
section { background: #fff; border: 1px solid var(--line); border-radius: 12px; padding: 24px; margin-top: 20px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin-top: 24px; }
.tile { background: #fff; border: 1px solid var(--line); border-radius: 12px; padding: 14px 18px; }
.tile b { display: block; font-size: 26px; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 24px; }
figure { margin: 0; min-width: 0; }
figure.wide { grid-column: 1 / -1; }
figure img { max-width: 100%; height: auto; display: block; margin: 0 auto; }
.picture img { border-radius: 8px; }
figcaption { margin-bottom: 8px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td.wide { min-width: 160px; text-align: left; white-space: normal; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; }
.bar { display: inline-block; width: 120px; height: 8px; border-radius: 4px; background: var(--line); }
.bar i { display: block; height: 8px; border-radius: 4px; background: var(--accent); }
summary { cursor: pointer; color: var(--accent); margin-top: 16px; }
pre { overflow-x: auto; background: #f1f5f9; border-radius: 8px; padding: 16px; font-size: 13px; }
"""


def write_report(run_folder: str | Path, scores: Scores | None = None) -> Path:
    """Writes `report.html` into a run folder from what lies there, and returns its path.

    Read where they exist: `config.json`, `metrics.jsonl`, `evaluation.json`, and the pictures of PICTURES. The curves
    of precision and the confusion matrix are not stored: they are drawn when the `scores` of the run are given.
    """
    folder = Path(run_folder)
    settings = _read_json(folder / "config.json")
    numbers = json.loads(scores.to_json()) if scores else _read_json(folder / "evaluation.json")
    rows = _read_rows(folder / "metrics.jsonl")
    parts = [
        _header(folder, settings, numbers, rows),
        _score_section(numbers),
        _class_section(numbers.get("per_class", {})),
        _diagnosis_section(scores),
        _curve_section(rows),
        _picture_section(folder),
        _settings_section(settings),
    ]
    path = folder / "report.html"
    write_text(path, _page(f"{folder.name} - detect", "\n".join(filter(None, parts))))
    return path


def _header(folder: Path, settings: dict[str, Any], numbers: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    tiles = [_tile(name, _number(numbers[name])) for name in ("AP", "AP50", "AP75", "AR100") if name in numbers]
    if rows:
        tiles.append(_tile("epochs", f"{rows[-1]['epoch']:.4g}"))
        tiles.append(_tile("time", _duration(rows[-1]["time"] - rows[0]["time"])))
    subtitle = " on ".join(str(settings[key]) for key in ("model", "data") if settings.get(key))
    title = f"<h1>{html.escape(folder.name)}</h1>\n<div class='soft'>{html.escape(subtitle)}</div>"
    return f"<header>{title}</header>\n<div class='tiles'>{''.join(tiles)}</div>"


def _score_section(numbers: dict[str, Any]) -> str:
    known = [name for name in METRICS if name in numbers]
    rows = [[f"<b>{name}</b>", _number(numbers[name], 4), _bar(numbers[name]), MEANINGS[name]] for name in known]
    return _section("Scores on the validation images", _table(["", "score", "", ""], rows, wide=3)) if rows else ""


def _class_section(per_class: dict[str, dict[str, Any]]) -> str:
    names = sorted(per_class, key=lambda name: -(per_class[name]["AP"] or 0))
    rows = [
        [html.escape(name), *(_number(per_class[name][key]) for key in ("AP", "AP50", "AP75", "AR100")),
         _bar(per_class[name]["AP"]), str(per_class[name]["images"]), str(per_class[name]["boxes"])]
        for name in names
    ]  # fmt: skip
    titles = ["class", "AP", "AP50", "AP75", "AR100", "AP", "images", "boxes"]
    return _section("Scores by class", _table(titles, rows)) if rows else ""


def _diagnosis_section(scores: Scores | None) -> str:
    if scores is None or not scores.curves.precisions:
        return ""
    wide = "wide" if len(scores.confusion.names) > 12 else "chart"
    at = f"confidence {scores.confusion.confidence:g} and IoU {scores.confusion.overlap:g}"
    figures = [
        _figure(precision_recall_chart(scores.curves), "Precision and recall at IoU 0.5"),
        _figure(confusion_chart(scores.confusion), f"Objects down, what they are found as across, at {at}", wide),
    ]
    return _section("Where it is right and wrong", f"<div class='figures'>{''.join(figures)}</div>")


def _curve_section(rows: Sequence[dict[str, Any]]) -> str:
    train = [row for row in rows if row["kind"] == "train"]
    validated = [row for row in rows if row["kind"] == "val"]
    losses = [name for name in (train[-1] if train else {}) if name not in NOT_LOSSES]
    charts = [
        (train, losses, "loss", "Loss and its parts", True),
        (validated, ["AP", "AP50", "AP75"], "score", "Scores on the validation images", False),
        (train, ["learning_rate"], "learning rate", "Learning rate", False),
        (train, ["images_per_second"], "images a second", "Speed of training", False),
    ]
    figures = []
    for source, names, label, caption, logarithmic in charts:
        drawn = [name for name in names if any(_is_finite(row.get(name)) for row in source)]
        if drawn:
            figures.append(_figure(line_chart(source, drawn, label, logarithmic), caption))
    return _section("How it learned", f"<div class='figures'>{''.join(figures)}</div>") if figures else ""


def _picture_section(folder: Path) -> str:
    figures = [
        _figure_of(f"data:image/jpeg;base64,{_base64((folder / name).read_bytes())}", caption, "picture")
        for name, caption in PICTURES.items()
        if (folder / name).is_file()
    ]
    return _section("Pictures", "<br>".join(figures)) if figures else ""


def _settings_section(settings: dict[str, Any]) -> str:
    if not settings:
        return ""
    rows = [[key, html.escape(str(settings[key]))] for key in SUMMARY if settings.get(key) is not None]
    everything = html.escape(json.dumps(settings, indent=2, ensure_ascii=False))
    details = f"<details><summary>All settings</summary><pre>{everything}</pre></details>"
    return _section("Settings", _table(["setting", "value"], rows, wide=1) + details)


def _page(title: str, body: str) -> str:
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{body}\n</section>"


def _tile(label: str, value: str) -> str:
    return f"<div class='tile'><b>{value}</b><span class='soft'>{label}</span></div>"


def _figure(svg: str, caption: str, kind: str = "chart") -> str:
    return _figure_of(f"data:image/svg+xml;base64,{_base64(svg.encode('utf-8'))}", caption, kind)


def _figure_of(source: str, caption: str, kind: str) -> str:
    text = html.escape(caption)
    return f"<figure class='{kind}'><figcaption>{text}</figcaption><img alt='{text}' src='{source}'></figure>"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], wide: int = -1) -> str:
    """Cells are HTML already; the column `wide` may break its lines."""
    head = "".join(f"<th>{title}</th>" for title in titles)
    body = ""
    for row in rows:
        cells = (f"<td class='wide'>{cell}</td>" if i == wide else f"<td>{cell}</td>" for i, cell in enumerate(row))
        body += f"<tr>{''.join(cells)}</tr>\n"
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"


def _bar(share: float | None) -> str:
    return f"<span class='bar'><i style='width:{100 * (share or 0):.1f}%'></i></span>"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 120 else f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def _read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line] if path.is_file() else []
