"""torchvision's SSD checkpoint (`torchvision/models/detection/ssd.py`, BSD-3-Clause).

Its softmax is over the background and all 90 ids of COCO, so all of these are classes here too.
"""

from collections.abc import Iterator

from detect.data.pixels.resizing import Fit
from detect.models.ssd import SSD
from detect.weights.backbones import vgg_targets
from detect.weights.coco_classes import IDS_90, NAMES_90
from detect.weights.files.tensor_files import read_tensors
from detect.weights.tensors import Target
from detect.weights.torchvision_parts import checkpoint, class_targets, convolution_targets

FIT = Fit(kind="stretch", resampling="exact")
FOURTH_MAXIMUM = 23  # its number among the layers of VGG16, which torchvision divides there


def targets(detector: SSD) -> Iterator[Target]:
    """Map torchvision's tensors to all weights of the detector."""
    for target in vgg_targets(detector.backbone, ""):
        yield target._replace(name=_renamed(target.name))
    yield Target("backbone.scale_weight", detector.rescale.scale)
    yield from convolution_targets("backbone.extra.0.7.1", detector.dilated)
    yield from convolution_targets("backbone.extra.0.7.3", detector.pointwise)
    for index, extra in enumerate(detector.extra, start=1):
        yield from convolution_targets(f"backbone.extra.{index}.0", extra.reduce)
        yield from convolution_targets(f"backbone.extra.{index}.2", extra.shrink)
    for index, level in enumerate(detector.head):
        columns = background_last(detector.classes)
        name = f"head.classification_head.module_list.{index}"
        yield from class_targets(name, level.class_logits, columns, len(columns))
        yield from convolution_targets(f"head.regression_head.module_list.{index}", level.box_deltas)


def background_last(classes: int) -> tuple[int, ...]:
    """Return torchvision's columns, of which the background is the first, in our order."""
    return (*range(1, classes + 1), 0)


def _renamed(name: str) -> str:
    """Rename a tensor of VGG16 such as `26.bias` to `backbone.extra.0.3.bias`."""
    number, _, kind = name.partition(".")
    if int(number) < FOURTH_MAXIMUM:
        return f"backbone.features.{number}.{kind}"
    return f"backbone.extra.0.{int(number) - FOURTH_MAXIMUM}.{kind}"


CHECKPOINTS = (
    checkpoint(
        "ssd-vgg16",
        "ssd300_vgg16_coco-b556d3b4.pth",
        25.1,
        image_size=300,
        fit=FIT,
        classes=NAMES_90,
        category_ids=IDS_90,
        read=read_tensors,
        targets=targets,
    ),
)
