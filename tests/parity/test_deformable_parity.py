"""Deformable sampling reads points as PyTorch's `grid_sample` does, and its gradients are the same."""

import importlib.util

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.deformable import deformable_sampling

if not importlib.util.find_spec("torch"):
    pytest.skip("needs PyTorch: run `make parity`", allow_module_level=True)

import torch

HEADS, CHANNELS, QUERIES, SHAPES, CASES = 2, 6, 5, 20, 50  # 50 cases, as images of a batch, for each of 20 shapes
PLACES = [0, 1, 0.5, -0.05, 1.05, -3, 1e4, -1e4]  # corners, borders, and outside


def random_case(seed):
    """Return sizes, points, memory, locations and weights."""
    rng = np.random.default_rng(seed)
    sizes = [tuple(int(side) for side in rng.integers(1, 9, 2)) for _ in range(rng.integers(1, 4))]
    points = [int(count) for count in rng.integers(1, 5, len(sizes))]
    memory = rng.standard_normal((CASES, sum(h * w for h, w in sizes), CHANNELS))
    shape = (CASES, QUERIES, HEADS, sum(points))
    locations = rng.uniform(-0.3, 1.3, (*shape, 2))
    locations = np.where(rng.random(locations.shape) < 0.3, rng.choice(PLACES, locations.shape), locations)
    arrays = memory, locations, rng.standard_normal(shape), rng.standard_normal((*shape[:2], CHANNELS))
    return sizes, points, *(values.astype(np.float32) for values in arrays)


def by_grid_sample(memory, sizes, locations, weights, points):
    """Return [B, Q, D] from tensors of PyTorch."""
    levels = memory.split([h * w for h, w in sizes], dim=1)
    found = []
    for level, (h, w), places in zip(levels, sizes, locations.split(points, dim=3), strict=True):
        image = level.reshape(CASES, h, w, HEADS, -1).permute(0, 3, 4, 1, 2).flatten(0, 1)
        grid = 2 * places.transpose(1, 2).flatten(0, 1) - 1
        found.append(torch.nn.functional.grid_sample(image, grid, padding_mode="zeros", align_corners=False))
    values = torch.cat(found, dim=-1)  # [B * H, D / H, Q, P]
    total = (values * weights.transpose(1, 2).flatten(0, 1)[:, None]).sum(-1)
    return total.reshape(CASES, -1, QUERIES).transpose(1, 2)


@pytest.mark.parametrize("seed", range(SHAPES))
def test_values_and_gradients_of_grid_sample(seed):
    sizes, points, *arrays, upstream = random_case(seed)
    theirs = [torch.tensor(values, requires_grad=True) for values in arrays]
    expected = by_grid_sample(theirs[0], sizes, *theirs[1:], points)
    expected.backward(torch.tensor(upstream))

    ours = [tf.constant(values) for values in arrays]
    with tf.GradientTape() as tape:
        tape.watch(ours)
        found = deformable_sampling(ours[0], sizes, *ours[1:], points)
    np.testing.assert_allclose(found, expected.detach(), atol=1e-5)
    for gradient, tensor in zip(tape.gradient(found, ours, tf.constant(upstream)), theirs, strict=True):
        scale = max(float(tensor.grad.abs().max()), 1)
        np.testing.assert_allclose(gradient, tensor.grad, atol=2e-5 * scale)
