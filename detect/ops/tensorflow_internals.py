"""Uses of TensorFlow beyond its public API: the reason for each, and what could replace it.

No other file imports from `tensorflow.core` or `tensorflow.python`, whose names may change with any release.
"""

# Keeps XLA from computing a value again wherever it is used. Not needed once TensorFlow has it in its public API.
from tensorflow.compiler.tf2xla.python.xla import optimization_barrier

# Edits `saved_model.pb` after it was written. The public API saves and loads it, but does not give access to its nodes.
# Not needed once `tf.saved_model.SaveOptions` can leave out the names of custom gradients.
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

# Maps the keys of an object-based checkpoint to the names of its variables; `tf.train.load_checkpoint` has only keys.
# Replaceable by importing name-based checkpoints alone, or by a class compiled from TensorFlow's .proto file.
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

# Sums gradients, and takes another function for that: see models/ordered_sums.py. Not needed once `tf.add_n` sums its
# arguments in their order whatever memory it can reuse.
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import backprop

# Tells whether XLA compiles the graph that is being traced. Not needed where all callers pass this as an argument.
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

register_vector_space = pywrap_tfe.TFE_Py_RegisterVSpace

__all__ = [
    "GraphOrParentsInXlaContext",
    "SavedModel",
    "TrackableObjectGraph",
    "backprop",
    "optimization_barrier",
    "register_vector_space",
]
