"""torchvision's SSDLite checkpoint (`torchvision/models/detection/ssdlite.py`, BSD-3-Clause).

Its softmax is over the background and all 90 ids of COCO, so all of these are classes here too.
"""

from collections.abc import Iterator

from detect.models.ssdlite import SSDLite
from detect.weights.backbones import mobilenet_targets, normalized_targets
from detect.weights.coco_classes import IDS_90, NAMES_90
from detect.weights.files.tensor_files import read_tensors
from detect.weights.tensors import Target
from detect.weights.torchvision_parts import checkpoint, class_targets, convolution_targets
from detect.weights.torchvision_ssd import FIT, background_last

SPLIT = 13  # the number of the block that torchvision divides after its expansion


def targets(detector: SSDLite) -> Iterator[Target]:
    """Map torchvision's tensors to all weights of the detector."""
    for target in mobilenet_targets(detector.backbone, ""):
        yield target._replace(name=_renamed(target.name))
    for index, extra in enumerate(detector.extra):
        for number, layer in enumerate(extra.layers):
            name = f"backbone.extra.{index}.{number}"
            yield from normalized_targets(f"{name}.0", f"{name}.1", layer)
    for index, level in enumerate(detector.head):
        columns = background_last(detector.classes)
        name = f"head.classification_head.module_list.{index}"
        yield from normalized_targets(f"{name}.0.0", f"{name}.0.1", level.class_depthwise)
        yield from class_targets(f"{name}.1", level.class_logits, columns, len(columns))
        name = f"head.regression_head.module_list.{index}"
        yield from normalized_targets(f"{name}.0.0", f"{name}.0.1", level.box_depthwise)
        yield from convolution_targets(f"{name}.1", level.box_deltas)


def _renamed(name: str) -> str:
    """Rename a tensor of MobileNet such as `13.block.1.0.weight` to `backbone.features.1.0.1.0.weight`."""
    number, _, rest = name.partition(".")
    if int(number) < SPLIT:
        return f"backbone.features.0.{name}"
    if int(number) > SPLIT:
        return f"backbone.features.1.{int(number) - SPLIT}.{rest}"
    part = rest.removeprefix("block.")
    return f"backbone.features.0.{SPLIT}{part.removeprefix('0')}" if part[0] == "0" else f"backbone.features.1.0.{part}"


CHECKPOINTS = (
    checkpoint(
        "ssdlite-mobilenetv3",
        "ssdlite320_mobilenet_v3_large_coco-a79551df.pth",
        21.3,
        image_size=320,
        fit=FIT,
        classes=NAMES_90,
        category_ids=IDS_90,
        read=read_tensors,
        targets=targets,
    ),
)
