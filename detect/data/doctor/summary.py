"""The result of an examination for other programs, as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from detect.data.dataset import Dataset
from detect.data.doctor.dataset_check import Finding
from detect.data.doctor.examination import refuses


def summary(dataset: Dataset, findings: Sequence[Finding]) -> str:
    """Return the figures of a dataset and all findings as JSON.

    Its keys are `source`, `format`, `classes` (`name`, `category_id`; by label), `splits` (by name: `images`, `boxes`,
    `lost_images`, `lost_boxes`), `notes`, `findings` (as `Finding` has them, the worst first), and `trainable`: whether
    there is no error among them.
    """
    classes = zip(dataset.classes, dataset.category_ids, strict=True)
    content = {
        "source": str(dataset.source),
        "format": dataset.format,
        "classes": [{"name": name, "category_id": category} for name, category in classes],
        "splits": {name: _figures(dataset, name) for name in dataset.splits},
        "notes": dataset.notes,
        "findings": [asdict(finding) for finding in findings],
        "trainable": not refuses(findings),
    }
    return json.dumps(content, indent=2)


def _figures(dataset: Dataset, split: str) -> dict[str, Any]:
    records, problems = dataset.splits[split], dataset.problems[split]
    return {
        "images": len(records),
        "boxes": len(records.boxes),
        "lost_images": problems.lost_images,
        "lost_boxes": problems.lost_boxes,
    }
