"""Whether a compiled function is one XLA computation, with nothing left to the host: what the tests of it share.

They look at the StableHLO that TensorFlow hands to XLA, which is there before what takes long, XLA's own compilation.
"""

import re

import tensorflow as tf

HOST_OPERATIONS = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "PrintV2", "Print", "StringFormat"}
# In the text of StableHLO: calls of the host or of a library, and dimensions that are known only while it runs.
# `dynamic_slice` and `dynamic_update_slice` are of a fixed size, at a place that is known late.
CALLS = re.compile(r"stablehlo\.(?:custom_call|infeed|outfeed|send|recv)\b.{0,80}")
DYNAMIC = re.compile(r"tensor<[0-9x]*\?[^>]*>|stablehlo\.(?:real_)?dynamic_(?!slice|update_slice)\w+")


def check_one_computation(function: tf.types.experimental.PolymorphicFunction, *arguments) -> None:
    """Assert it of a `tf.function` with `jit_compile=True`, for these arguments."""
    concrete = function.get_concrete_function(*arguments)
    on_host = operations(concrete.graph) & HOST_OPERATIONS
    assert not on_host, f"left to Python: {sorted(on_host)}"
    # An operation that XLA does not know would be a second cluster: it is a ValueError that names the operation.
    platform = None if concrete.variables else "GPU"  # with variables, only for a device that this machine has
    text = function.experimental_get_compiler_ir(*arguments)(stage="stablehlo", platform_name=platform)
    assert "func.func @main" in text
    for pattern, fault in ((CALLS, "left to the host"), (DYNAMIC, "of unknown size")):
        found = sorted(set(pattern.findall(text)))
        assert not found, f"{fault}: {found[:5]}"


def operations(graph: tf.Graph) -> set[str]:
    """The names of all operations of a graph and of the functions that it calls."""
    definition = graph.as_graph_def()
    functions = (node.op for function in definition.library.function for node in function.node_def)
    return {node.op for node in definition.node} | set(functions)
