"""Count what the devices of a training run send to each other in a step, and compute how steps take longer with it.

    .venv/bin/python tools/simulate_scaling.py yolox-s --image-size 640 --batch-size 16 --step 0.2 --bandwidth 10e9

The sums over devices are read from the compiled step for two devices. They are made one after the other, none beside
the computation. The time of each is that of a ring, in which n devices make 2 (n - 1) exchanges of an n-th of the data
(Patarasuk and Yuan, J. Parallel Distrib. Comput. 69, 2009), or that of two trees where it is shorter (Sanders, Speck
and Träff, Parallel Computing 35, 2009), as between GPUs; between CPUs, TensorFlow knows rings only.
"""

import argparse
import math
from collections.abc import Sequence
from typing import NamedTuple

DEVICES = (2, 8, 64, 512)


class Network(NamedTuple):
    """What connects the devices."""

    latency: float  # seconds until a message arrives
    bandwidth: float  # bytes a second from one device to the next
    rings_only: bool = False  # whether sums are made in rings, however small they are


def seconds_of_sum(size: int, devices: int, network: Network) -> float:
    """Return how long it takes to sum numbers over some devices.

    Args:
        size: of the numbers on each device, bytes.
        devices: n.
        network: between them.
    """
    exchanges = 2 * (devices - 1)
    ring = exchanges * (network.latency + size / devices / network.bandwidth)
    trees = 2 * math.ceil(math.log2(devices)) * network.latency + exchanges / devices * size / network.bandwidth
    return ring if network.rings_only else min(ring, trees)


def bytes_sent(sizes: Sequence[int], devices: int) -> float:
    """Return the bytes that each device sends in a step, whose sums are of some `sizes` in bytes."""
    return 2 * (devices - 1) / devices * sum(sizes)


def table(sizes: Sequence[int], images: int, step: float, network: Network) -> list[str]:
    """Return a line for each number of devices: bytes, seconds and images a second, and the speed-up.

    Args:
        sizes: of the sums of a step, bytes.
        images: per device and step.
        step: seconds of a step on one device.
        network: between the devices.
    """
    lines = [f"{'devices':>7}  {'MB sent':>8}  {'s/step':>8}  {'images/s':>10}  {'speed-up':>8}  {'of ideal':>8}"]
    for devices in (1, *DEVICES):
        seconds = step + sum(seconds_of_sum(size, devices, network) for size in sizes)
        speedup = devices * step / seconds
        sent = bytes_sent(sizes, devices) / 1e6
        lines.append(
            f"{devices:7d}  {sent:8.2f}  {seconds:8.4f}  {devices * images / seconds:10.1f}  {speedup:8.1f}  "
            f"{speedup / devices:8.0%}"
        )
    return lines


def sizes_of_sums(model: str, image_size: int, batch_size: int, synchronized: bool) -> list[int]:
    """Return the bytes of each sum over devices in a training step, read from the graph of the step.

    Args:
        model: name of a model.
        image_size: side of the images, pixels.
        batch_size: images per device.
        synchronized: whether batch normalisation takes its statistics over all devices.
    """
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from detect import models
    from detect.layers.folded_normalization import normalizations
    from detect.structures import Batch, Targets
    from detect.training.settings import OptimizerSettings
    from detect.training.updates.average import WeightAverage
    from detect.training.updates.optimizers import create_optimizer
    from detect.training.updates.step import TrainingStep
    from detect.training.workers.distribution import create_strategy

    strategy, count = create_strategy("mirrored"), batch_size
    with strategy.scope():
        detector = models.create(model, 80)
        for layer in normalizations(detector):
            layer.synchronized = synchronized
        optimizer = create_optimizer(OptimizerSettings(), detector)
        step = TrainingStep(detector, optimizer, WeightAverage(detector), (image_size,), strategy)
        targets = Targets(tf.zeros((count, 8, 4)), tf.fill((count, 8), -1), tf.zeros((count, 8), tf.bool))
        batch = Batch(tf.zeros((count, image_size, image_size, 3), tf.uint8), targets, tf.zeros(count, tf.int64))
        values = strategy.experimental_distribute_values_from_function(lambda context: batch)
        numbers = [tf.constant(0.5)] * 3
        graph = step.compiled[image_size].get_concrete_function((values,), *numbers).graph
    return [bytes_of(operation) for operation in graph.get_operations() if is_sum_of_first_device(operation)]


def is_sum_of_first_device(operation) -> bool:
    """Return whether an operation of a graph sums over devices, on the first of them."""
    return operation.type.startswith("CollectiveReduce") and operation.device.endswith("CPU:0")


def bytes_of(operation) -> int:
    """Return the size of what an operation sums, bytes."""
    numbers = operation.inputs[0]
    return numbers.shape.num_elements() * numbers.dtype.size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--image-size", type=int, default=640)
    parser.add_argument("--batch-size", type=int, default=16, help="images per device")
    parser.add_argument("--step", type=float, required=True, help="measured seconds of a step on one device")
    parser.add_argument("--latency", type=float, default=50e-6, help="seconds until a message arrives")
    parser.add_argument("--bandwidth", type=float, default=1.25e9, help="bytes a second; 1.25e9 are 10 Gbit/s")
    parser.add_argument("--local-statistics", action="store_true", help="each device has its own in normalisation")
    parser.add_argument("--rings-only", action="store_true", help="sums are made in rings, as between CPUs")
    arguments = parser.parse_args()
    sizes = sizes_of_sums(arguments.model, arguments.image_size, arguments.batch_size, not arguments.local_statistics)
    total, largest = sum(sizes) / 1e6, max(sizes) / 1e6
    print(f"{arguments.model}: {len(sizes)} sums of {total:.2f} MB in a step, the largest of {largest:.2f} MB")
    network = Network(arguments.latency, arguments.bandwidth, arguments.rings_only)
    print(*table(sizes, arguments.batch_size, arguments.step, network), sep="\n")


if __name__ == "__main__":
    main()
