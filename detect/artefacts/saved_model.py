"""What formats do to a SavedModel that they have written."""

from pathlib import Path

from detect.files import write_bytes
from detect.ops.tensorflow_internals import SavedModel


def remove_gradient_names(folder: Path) -> None:
    """Remove the names of custom gradients, which are not saved, from the operations: loading would warn of each.

    Args:
        folder: of the SavedModel.
    """
    path = folder / "saved_model.pb"
    saved = SavedModel.FromString(path.read_bytes())
    for graph in saved.meta_graphs:
        for function in graph.graph_def.library.function:
            for node in function.node_def:
                node.attr.pop("_gradient_op_type", None)
    write_bytes(path, saved.SerializeToString())
