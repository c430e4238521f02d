"""Compiled TensorFlow functions: tensors in, tensors out, no settings objects, no state."""
