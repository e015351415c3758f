"""Flows of velocities are one-to-one, and known where the velocity is linear."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from medlib.imaging import velocity_fields


def places(shape):
    return torch.as_tensor(np.indices(shape) - np.reshape(np.array(shape) - 1, (-1, *[1] * len(shape))) / 2)[None]


@pytest.mark.parametrize("shape", [(21, 25), (13, 15, 17)])
def test_flow_of_a_linear_velocity_is_the_matrix_exponential(shape):
    matrix = np.random.default_rng(0).normal(size=(len(shape), len(shape))) * 0.08
    points = places(shape)
    velocity = torch.einsum("ij,bj...->bi...", torch.as_tensor(matrix), points)
    expected = torch.einsum("ij,bj...->bi...", torch.as_tensor(expm(matrix)), points) - points
    inner = (..., *[slice(5, -5)] * len(shape))
    flow = velocity_fields.integrate(velocity, n_squarings=10)
    torch.testing.assert_close(flow[inner], expected[inner], atol=5e-3, rtol=0)
    assert expected[inner].abs().max() > 0.3


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_negative_velocity_flows_back(seed):
    random = torch.randn(1, 2, 24, 24, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    velocity = velocity_fields.smooth(random, 3.0) * 8
    there, back = velocity_fields.integrate(velocity), velocity_fields.integrate(-velocity)
    off = there + velocity_fields.warp(back, there)
    assert off[..., 4:-4, 4:-4].abs().max() < 0.15


@pytest.mark.parametrize("shape", [(9, 11), (7, 9, 8)])
def test_warp_by_whole_voxels_is_a_shift(shape):
    image = torch.rand(1, 2, *shape, generator=torch.Generator().manual_seed(0))
    for axis in range(len(shape)):
        step = torch.zeros(1, len(shape), *shape)
        step[:, axis] = 2
        moved = velocity_fields.warp(image, step).narrow(2 + axis, 0, shape[axis] - 2)
        torch.testing.assert_close(moved, image.narrow(2 + axis, 2, shape[axis] - 2))


@pytest.mark.parametrize("sigma", [0.7, 1.5])
def test_smoothing_is_scipys(sigma):
    from scipy import ndimage

    image = np.random.default_rng(0).normal(size=(14, 15, 16))
    expected = ndimage.gaussian_filter(image, sigma, mode="nearest", radius=int(np.ceil(3 * sigma)))
    ours = velocity_fields.smooth(torch.as_tensor(image)[None, None], sigma)[0, 0]
    np.testing.assert_allclose(ours, expected, atol=1e-12)
    assert velocity_fields.smooth(ours, 0) is ours


def test_resizing_keeps_displacements_in_space():
    coarse = places((5, 6, 7)) * 0.1
    fine = velocity_fields.resize(coarse, (9, 11, 13))
    torch.testing.assert_close(fine, places((9, 11, 13)) * 0.1)
