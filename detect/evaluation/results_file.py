"""Scoring of a COCO results file of any program, for which TensorFlow is not needed."""

import dataclasses
from pathlib import Path

from detect.data.dataset import notes_of, scored_split
from detect.data.readers import description
from detect.data.readers.coco.coco_files import is_coco
from detect.evaluation.coco_scores import Scores, score
from detect.evaluation.detections import read_detections
from detect.evaluation.naming import find_by_names
from detect.evaluation.truth import Truth, file_names, truth_from_file, truth_from_records


def evaluate_predictions(
    predictions: str | Path, data: str | Path, split: str = "val", reference: bool = False
) -> Scores:
    """Compute the COCO scores of a results file of any program.

    Images are found by `file_name` and categories by `category_name` where an entry has them, otherwise by their ids.

    Args:
        predictions: the COCO results file.
        data: anything that `open_dataset` reads, or a COCO annotation file whose images need not exist.
        split: name of the split; a single annotation file has only one.
        reference: compute the scores with pycocotools: the same numbers, slower.

    Raises:
        BadInput: a file cannot be read, or an entry cannot be scored; the message names it.
    """
    found = read_detections(predictions)
    truth = _truth(data, split)
    found, notes = find_by_names(found, truth, str(predictions))
    scores = score(truth, found, str(predictions), reference)
    return dataclasses.replace(scores, notes=(*scores.notes, *notes))


def _truth(data: str | Path, split: str) -> Truth:
    if Path(data).suffix.lower() == ".json" and is_coco(Path(data)):
        return truth_from_file(data)
    dataset, records = scored_split(description.open_dataset(data), split)
    truth = truth_from_records(records, dataset.classes, dataset.category_ids)
    return dataclasses.replace(truth, files=file_names(records), notes=(*notes_of(dataset, split), *truth.notes))
