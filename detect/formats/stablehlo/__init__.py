"""StableHLO, compiled by XLA through JAX for the processor, GPU or TPU that JAX finds.

It is float32 only: XLA computes with the types that it is given.
"""

from detect.artefacts.format import Format

FORMAT = Format(
    summary="XLA through JAX, on CPUs, GPUs and TPUs",
    file="{height}x{width}.stablehlo",
    runs_with=("jax",),
    batch="fixed",
)
