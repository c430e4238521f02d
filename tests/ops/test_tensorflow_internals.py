"""The private parts of TensorFlow exist and do what the package needs."""

import ast
import importlib
from pathlib import Path

import pytest
import tensorflow as tf

PACKAGE = Path(__file__).parents[2] / "detect"
FILE = PACKAGE / "ops" / "tensorflow_internals.py"
INTERNALS = [
    (node.module, alias.name)
    for node in ast.parse(FILE.read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
]


@pytest.mark.parametrize(("module", "name"), INTERNALS)
def test_tensorflow_still_has_it(module, name):
    """Imports by name, and not this package, so that the first to go is named instead of everything failing."""
    try:
        found = hasattr(importlib.import_module(module), name)
    except ImportError:
        found = False
    assert found, f"TensorFlow {tf.__version__} has no {module}.{name}: {FILE} says what could replace it"


def test_no_other_file_uses_internals():
    imports = [(path, node) for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path, node in imports
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
        if name.startswith(("tensorflow.core", "tensorflow.python"))
    }
    assert found == {"ops/tensorflow_internals.py"}


@pytest.mark.parametrize("xla", [True, False])
def test_xla_is_noticed_while_tracing(xla):
    from detect.ops.tensorflow_internals import GraphOrParentsInXlaContext

    seen = []

    @tf.function(jit_compile=xla)
    def step():
        seen.append(bool(GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())))
        return tf.constant(0)

    step()
    assert set(seen) == {xla}


def test_nodes_of_a_saved_model_can_be_read(tmp_path):
    from detect.ops.tensorflow_internals import SavedModel

    module = tf.Module()
    module.step = tf.function(tf.math.erf, [tf.TensorSpec([])])
    tf.saved_model.save(module, str(tmp_path))
    saved = SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    assert "Erf" in {node.op for function in functions for node in function.node_def}


def test_names_of_variables_in_a_checkpoint_can_be_read(tmp_path):
    from detect.ops.tensorflow_internals import TrackableObjectGraph

    prefix = tf.train.Checkpoint(weight=tf.Variable(1.0, name="kernel")).write(str(tmp_path / "checkpoint"))
    reader = tf.train.load_checkpoint(prefix)
    graph = TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    names = {attribute.checkpoint_key: attribute.full_name for node in graph.nodes for attribute in node.attributes}
    assert names["weight/.ATTRIBUTES/VARIABLE_VALUE"] == "kernel"
