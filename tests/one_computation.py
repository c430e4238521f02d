"""Check that a compiled function is a single XLA computation, with nothing left to the host.

The check reads the StableHLO that TensorFlow hands to XLA. It exists before XLA's own compilation, which takes long.
"""

import re

import tensorflow as tf

HOST_OPERATIONS = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "PrintV2", "Print", "StringFormat"}
# In the text of StableHLO: calls of the host or of a library, and dimensions that are known only at run time.
# `dynamic_slice` and `dynamic_update_slice` have a fixed size; only their place is known late.
CALLS = re.compile(r"stablehlo\.(?:custom_call|infeed|outfeed|send|recv)\b.{0,80}")
DYNAMIC = re.compile(r"tensor<[0-9x]*\?[^>]*>|stablehlo\.(?:real_)?dynamic_(?!slice|update_slice)\w+")


def check_one_computation(function: tf.types.experimental.PolymorphicFunction, *arguments) -> None:
    """Assert that a `tf.function` with `jit_compile=True` is a single XLA computation for these arguments."""
    concrete = function.get_concrete_function(*arguments)
    on_host = operations(concrete.graph) & HOST_OPERATIONS
    assert not on_host, f"left to Python: {sorted(on_host)}"
    # An operation that XLA does not know raises a ValueError that names it.
    platform = None if concrete.variables else "GPU"  # variables must be on a device of this machine
    text = function.experimental_get_compiler_ir(*arguments)(stage="stablehlo", platform_name=platform)
    assert "func.func @main" in text
    for pattern, fault in ((CALLS, "left to the host"), (DYNAMIC, "of unknown size")):
        found = sorted(set(pattern.findall(text)))
        assert not found, f"{fault}: {found[:5]}"


def operations(graph: tf.Graph) -> set[str]:
    """Return the names of all operations in a graph and in the functions that it calls."""
    definition = graph.as_graph_def()
    functions = (node.op for function in definition.library.function for node in function.node_def)
    return {node.op for node in definition.node} | set(functions)
