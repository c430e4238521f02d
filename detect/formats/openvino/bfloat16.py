"""Mark OpenVINO models that are computed in bfloat16, and what of them is not."""

from pathlib import Path
from xml.etree import ElementTree

import openvino

from detect.formats.openvino import PRODUCTS
from detect.formats.openvino.reader import BFLOAT16

GATHERS = ("Gather", "GatherND")


def request_bfloat16(model: openvino.Model) -> None:
    """Mark the model as one to compute in bfloat16."""
    model.set_rt_info("true", list(BFLOAT16))


def keep_places_exact(model: openvino.Model, path: Path) -> None:
    """Mark the nodes of a written model that compute where a gather reads, so that they are never in bfloat16.

    Its 8 bits hold no places: a detector that samples where it computes would read elsewhere, even outside of its
    features, which ends the process (OpenVINO 2026.4).

    Args:
        model: the model.
        path: the file that it was written to.
    """
    names, description = _places(model), ElementTree.parse(path)
    for layer in description.iterfind("layers/layer"):
        if layer.get("name") in names:
            texts = layer.find("rt_info")
            texts = ElementTree.SubElement(layer, "rt_info") if texts is None else texts
            ElementTree.SubElement(texts, "attribute", name="precise", version="0")
    description.write(path, encoding="utf-8", xml_declaration=True)


def _places(model: openvino.Model) -> set[str]:
    """Return the names of the nodes between products and the places that gathers read from."""
    waiting = [node.input_value(1).get_node() for node in model.get_ordered_ops() if node.get_type_name() in GATHERS]
    found = set[str]()
    while waiting:
        node = waiting.pop()
        if node.get_friendly_name() not in found and node.get_type_name() not in PRODUCTS:
            found.add(node.get_friendly_name())
            waiting += [value.get_node() for value in node.input_values()]
    return found
