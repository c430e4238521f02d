"""Scoring where not all classes were looked for in all images."""

from dataclasses import replace

import numpy as np

from detect.data.looked_for import LookedFor
from detect.errors import listed
from detect.evaluation.detections import Found
from detect.evaluation.truth import Truth

Places = tuple[np.ndarray, np.ndarray]


def only_looked_for(truth: Truth, looked_for: LookedFor, found: Found, places: Places) -> tuple[Truth, Found, Places]:
    """Return the boxes and the detections of classes that were looked for in their images.

    A detection of another class may be right: nobody knows. Boxes of such a class, which are there if some of its
    objects are annotated all the same, are left out too, so that a class has the same images for precision and recall.
    (LVIS, Gupta et al. 2019, section 3, leaves out such detections, and counts the boxes.)

    Args:
        truth: the annotated boxes.
        looked_for: its categories, by position, in each of its images.
        found: the detections.
        places: positions of image and category of each detection in those of the truth.
    """
    kept, scored = looked_for.has(*places), looked_for.has(truth.images, truth.categories)
    columns = {name: getattr(truth, name)[scored] for name in ("images", "categories", "boxes", "areas", "crowd")}
    images, categories = places
    truth = replace(truth, **columns, notes=(*truth.notes, _note(truth, looked_for)))
    return truth, found.select(kept), (images[kept], categories[kept])


def _note(truth: Truth, looked_for: LookedFor) -> str:
    counts, total = looked_for.images_by_class(), len(truth.image_ids)
    partly = [f"{truth.names[place]} in {counts[place]}" for place in np.flatnonzero(counts < total)]
    return f"Not all classes were looked for in all {total} images; these are scored where they were: {listed(partly)}."
