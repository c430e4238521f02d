"""Problems of annotations and image files, as readers report them: how bad they are, and what to do about them."""

from collections.abc import Iterator
from functools import partial

from detect.data.doctor.dataset_check import Check, Example, Found, Severity, Subject
from detect.data.problems import Problem

_OTHER = "annotation problem"

# kind of a problem: severity, what is found, what to do
_KINDS = {
    "missing image": (
        Severity.WARNING,
        "images that the annotations name and that are not there",
        "Add these images, or take them out of the annotations. If all are missing, this is the annotation file of "
        "other images.",
    ),
    "unreadable image": (
        Severity.WARNING,
        "images that cannot be decoded",
        "Restore these files, or remove them with their annotations.",
    ),
    "label file without an image": (
        Severity.WARNING,
        "labels of images that are not there",
        "Add the images, or remove the labels.",
    ),
    "stated size differs": (
        Severity.WARNING,
        "images of another size than their annotations state",
        "Check whether the images were resized, cut or exchanged after annotation: then all their boxes are wrong.",
    ),
    "annotated before EXIF rotation": (
        Severity.NOTE,
        "images that were annotated without their EXIF orientation",
        "The boxes were turned with the images; look at some of them with detect data show.",
    ),
    "one image with different boxes": (
        Severity.WARNING,
        "one file with the boxes of several images, such as the frames of several videos",
        "Export the images again so that each has a name of its own.",
    ),
    "duplicate image": (
        Severity.NOTE,
        "images that are listed more than once, with the same boxes",
        "Nothing is lost: their boxes were joined.",
    ),
    "annotation id stated twice": (
        Severity.NOTE,
        "annotations that have the id of another one",
        "Nothing is lost here, but pycocotools takes the last of them in place of each, and then scores are other "
        "ones. Number the annotations anew.",
    ),
    "box that is not a number": (Severity.WARNING, "boxes with `nan` or infinite numbers", "Draw these boxes again."),
    "inverted box": (
        Severity.WARNING,
        "boxes that end before they begin, and are not within their image with their corners in order",
        "Draw these boxes again: a digit may be missing.",
    ),
    "box with exchanged corners": (
        Severity.WARNING,
        "boxes that end before they begin, and are within their image with their corners in order",
        "Nothing is lost: they were drawn from another corner, and are taken with their corners in order. Look at "
        "some: a digit may be missing.",
    ),
    "zero-area box": (Severity.WARNING, "boxes without width or height", "Remove these boxes, or draw them again."),
    "box outside its image": (
        Severity.WARNING,
        "boxes without a pixel within their image",
        "Check that these annotations are of these images, and that the boxes are in pixels of them.",
    ),
    "box past the frame": (
        Severity.WARNING,
        "boxes that reach beyond their image by a pixel or more",
        "Usual for objects at the edge. If there are many, check the size of the images and the form of the boxes.",
    ),
    "box under a pixel": (
        Severity.WARNING,
        "boxes that are smaller than a pixel",
        "Check whether these are slips of the mouse, or fractions in place of pixels.",
    ),
    "box in another unit": (
        Severity.WARNING,
        "boxes in fractions where the format has pixels, or the other way round",
        "Convert them: the format says which unit its boxes have.",
    ),
    "box in another form": (
        Severity.WARNING,
        "boxes whose numbers are, in all likelihood, corners in place of sizes or the other way round",
        "Convert them: the format says which form its boxes have.",
    ),
    "box drawn before turning": (
        Severity.WARNING,
        "boxes of images that an EXIF orientation turns, which fit these, in all likelihood, only as they are stored",
        "State the sizes of the images that the tool showed, as COCO and VOC can, and the boxes are turned; or store "
        "the images upright, and draw the boxes again.",
    ),
    "duplicate box": (
        Severity.NOTE,
        "boxes that are there twice, to the last digit",
        "Nothing is lost: the first one of each is kept.",
    ),
    "image with another spelling": (
        Severity.NOTE,
        "images whose names differ from those in the annotations in case, Unicode form or percent-encoding",
        "Nothing is lost here; other programs and other systems may not find these images.",
    ),
    "image id of several images": (
        Severity.WARNING,
        "several images of a COCO file with one id, as in files that were joined",
        "Number the images anew, as detect data merge does when it joins datasets.",
    ),
    "unknown class": (
        Severity.WARNING,
        "boxes of classes that the dataset does not have",
        "Add these classes where the format lists them, or correct their names or numbers.",
    ),
    "unreadable label file": (
        Severity.WARNING,
        "annotation files of single images that cannot be read",
        "Restore these files, or export them again.",
    ),
    "damaged record": (
        Severity.WARNING,
        "records of a TFRecord file that are not as they were written",
        "Restore the file, or write it again.",
    ),
    _OTHER: (
        Severity.WARNING,
        "everything else that a reader cannot use or has to decide",
        "Correct what is named here.",
    ),
}


def _problems(kind: str, subject: Subject) -> Iterator[Found]:
    for split, problems in subject.dataset.problems.items():
        for found, count in problems.counts.items():
            if found == kind or (kind == _OTHER and found not in _KINDS):
                first = [problem for problem in problems if problem.kind == found]
                what = f"{found}: {count} ({first[0].action})"
                yield Found(split, count, what, tuple(map(problem_example, first)))


def problem_example(problem: Problem) -> Example:
    """Return the place of a problem, with its image and box where it has these."""
    return Example(f"{problem.where}: {problem.what}", problem.image, (problem.box,) if problem.box else ())


CHECKS = tuple(
    Check(kind.lower().replace(" ", "-"), severity, finds, advice, partial(_problems, kind))
    for kind, (severity, finds, advice) in _KINDS.items()
)
