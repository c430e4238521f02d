"""Tasks of `workers.py`: the cases of `export_stablehlo_cases.py`, compiled and run by JAX on its first device.

A task is the folder of a case and the number of calls per turn, which are in flight together. With `profile` before it,
the answer also has the time of each kernel.
"""

import collections
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax._src import compiler, xla_bridge
from jax._src.interpreters import mlir
from jaxlib import xla_client
from jaxlib.mlir import ir
from measuring import operands
from measuring.serving import Task, serve

jax.config.update("jax_enable_x64", True)  # or integers of 64 bits lose half of them


def prepare(task: str) -> Task:
    if task in LIMITS:
        return LIMITS[task]()
    *profile, folder, calls = task.split()
    case = Path(folder)
    start = time.perf_counter()
    executable = compile_module((case / "module.mlir").read_text())
    facts = {"device": jax.devices()[0].device_kind, "compiling": time.perf_counter() - start}
    inputs = [jax.device_put(value) for value in inputs_of(case)]
    outputs = executable.execute(inputs)
    if (case / "outputs.npz").exists():
        facts["difference"] = largest_difference(outputs, case / "outputs.npz")
    if profile:
        return lambda: {**facts, "kernels": kernels(executable, inputs, int(calls))}

    def run() -> dict[str, Any]:
        start = time.perf_counter()
        for _ in range(int(calls)):
            outputs = executable.execute(inputs)
        jax.block_until_ready(outputs)
        seconds = (time.perf_counter() - start) / int(calls)
        statistics = jax.devices()[0].memory_stats() or {}
        return {**facts, "seconds": seconds, "memory": statistics.get("peak_bytes_in_use", 0)}

    return run


def compile_module(text: str) -> Any:
    with mlir.make_ir_context():
        module = ir.Module.parse(text)
        devices = xla_client.DeviceList(tuple(jax.devices()[:1]))
        return compiler.backend_compile_and_load(
            xla_bridge.get_backend(), module, devices, xla_client.CompileOptions(), []
        )


def inputs_of(case: Path) -> list[np.ndarray]:
    recipe = json.loads((case / "operands.json").read_text())
    made = operands.made_by(recipe["call"]) if recipe["call"] else []
    with np.load(case / "inputs.npz") as saved:
        values = {int(position): saved[position] for position in saved.files}
    values.update({int(position): made[index] for position, index in recipe["places"].items()})
    values.update({int(position): operands.weights(*shape) for position, shape in recipe["drawn"].items()})
    return [values[position] for position in range(len(values))]


def largest_difference(outputs: list[Any], path: Path) -> float:
    """Of all outputs, ||found - expected|| / ||expected||."""
    with np.load(path) as saved:
        expected = [saved[name].astype(np.float64) for name in saved.files]
    found = [operands.part(np.asarray(output)).astype(np.float64) for output in outputs]
    norm = np.linalg.norm
    return max(float(norm(a - b) / (norm(b) + 1e-12)) for a, b in zip(found, expected, strict=True))


def kernels(executable: Any, inputs: list[Any], calls: int) -> list[tuple[str, float, float]]:
    """Of one call: names, microseconds and how often, the longest first."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(calls):
                jax.block_until_ready(executable.execute(inputs))
        [path] = Path(folder).rglob("*.xplane.pb")
        data = jax.profiler.ProfileData.from_file(str(path))
    streams = [line for plane in data.planes for line in plane.lines if line.name.startswith("Stream")]
    times: dict[str, list[float]] = collections.defaultdict(list)
    for event in (event for line in streams for event in line.events):
        times[event.name].append(event.duration_ns / 1e3)
    rows = [(name, sum(each) / calls, len(each) / calls) for name, each in times.items()]
    return sorted(rows, key=lambda row: -row[1])


def copying() -> Task:
    """Gigabytes a second that are read and written by a copy."""
    values = jax.random.normal(jax.random.key(0), (1 << 30,), np.float32)
    copy = jax.jit(lambda x: x + 1)
    return rate_of(lambda: copy(values), 2 * values.nbytes / 1e9)


def products(dtype: Any) -> Task:
    """Tera-operations a second of a product of matrices."""
    side = 8192
    a, b = (jax.random.normal(jax.random.key(seed), (side, side), dtype) for seed in range(2))
    product = jax.jit(jax.numpy.matmul)
    return rate_of(lambda: product(a, b), 2 * side**3 / 1e12)


def rate_of(call: Any, amount: float) -> Task:
    def run() -> dict[str, float]:
        start = time.perf_counter()
        results = [call() for _ in range(5)]
        jax.block_until_ready(results)
        return {"rate": 5 * amount / (time.perf_counter() - start)}

    return run


LIMITS = {
    "copy": copying,
    "bfloat16": lambda: products(jax.numpy.bfloat16),
    "float32": lambda: products(jax.numpy.float32),
}


if __name__ == "__main__":
    serve(prepare)
