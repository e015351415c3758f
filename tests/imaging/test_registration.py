"""Classical and torch registration find transforms that are known, and are not fooled by headers."""

import dataclasses
import functools

import numpy as np
import pytest
from phantom_pairs import bent_and_turned, body, linear, mean_error, organs, seen_through, smooth
from scipy import ndimage

from medlib.errors import DataError, UsageError
from medlib.imaging import (
    deformation,
    demons,
    instance_optimisation,
    registration,
    similarity,
    transforms,
    volumes,
    warping,
)
from medlib.imaging.instance_optimisation import Level
from medlib.imaging.transforms import Transform
from medlib.imaging.volumes import Volume

LEVELS = (Level(6.0, 40), Level(3.5, 25))


@functools.cache
def pair(kind):
    truth = {"rigid": linear(), "affine": linear(scale=(1.1, 0.93, 1.06)), "smooth": smooth(body(), 3.0)}[kind]
    return truth, *seen_through(truth)


def around(fixed):
    """The body and some voxels beside it: without, empty windows pay for a body that is drawn out into them."""
    return ndimage.binary_dilation(fixed.array > 10, iterations=2)


def inverted_contrast(volume):
    """Bright is dark, as between T1 and T2."""
    return dataclasses.replace(volume, array=np.where(volume.array > 10, 170 - volume.array, 0).astype(np.float32))


@pytest.mark.parametrize(
    "kind, metric", [("rigid", "correlation"), ("affine", "mutual_information"), ("affine", "mean_squares")]
)
def test_linear_truth_by_simpleitk(kind, metric):
    truth, fixed, points = pair(kind)
    found = registration.register_linear(fixed, body(), kind=kind, metric=metric, sampled=1.0, shrink=(2, 1))
    assert mean_error(Transform(), truth, points) > 7
    assert mean_error(found, truth, points) < 0.5


@pytest.mark.parametrize("kind", ["rigid", "affine"])
def test_linear_truth_by_torch(kind):
    truth, fixed, points = pair(kind)
    found = instance_optimisation.optimise_affine(fixed, body(), levels=LEVELS, mask=around(fixed))
    assert mean_error(found, truth, points) < 0.4


def test_other_contrast_needs_mutual_information():
    truth, fixed, points = pair("rigid")
    other = inverted_contrast(body())
    errors = {metric: mean_error(registration.register_linear(fixed, other, kind="rigid", metric=metric, sampled=1.0),
                                 truth, points) for metric in ("mutual_information", "mean_squares")}  # fmt: skip
    assert errors["mutual_information"] < 0.7 < 3 < errors["mean_squares"]


def test_smooth_truth_by_all():
    truth, fixed, points = pair("smooth")
    before = mean_error(Transform(), truth, points)
    by_method = {
        "splines": registration.register_bspline(fixed, body(), spacing=25, metric="mean_squares", sampled=1.0),
        "demons": demons.register_demons(fixed, body(), shrink=(2, 1), n_iterations=(60, 40)),
        "correlation": instance_optimisation.optimise_velocity(fixed, body(), levels=LEVELS, mask=around(fixed)),
        "squares": instance_optimisation.optimise_velocity(fixed, body(), levels=LEVELS, loss=similarity.mean_squares),
    }
    errors = {name: mean_error(found, truth, points) / before for name, found in by_method.items()}
    assert before > 2 and max(errors.values()) < 0.45, errors
    for name in ("demons", "correlation", "squares"):
        assert deformation.regularity(by_method[name], fixed)["folded_share"] == 0


def test_a_finer_grid_goes_on_from_the_coarser():
    truth, fixed, points = pair("smooth")
    coarse, both = (
        instance_optimisation.optimise_velocity(fixed, body(), levels=levels, mask=around(fixed))
        for levels in ([Level(6.0, 40)], [Level(6.0, 40), Level(3.5, 12)])
    )
    assert mean_error(both, truth, points) < 1.1 * mean_error(coarse, truth, points)


def test_deformation_after_a_linear_start():
    truth = bent_and_turned()
    fixed, points = seen_through(truth)
    start = registration.register_linear(fixed, body(), kind="affine", sampled=1.0, shrink=(2, 1))
    found = instance_optimisation.optimise_velocity(fixed, body(), start=start, levels=LEVELS, mask=around(fixed))
    errors = [mean_error(each, truth, points) for each in (Transform(), start, found)]
    assert errors[0] > 7 and errors[1] < 4 and errors[2] < 0.5 * errors[1], errors
    back = warping.invert(found)
    there = warping.map_points(back, warping.map_points(found, points))
    assert np.median(np.linalg.norm(there - points, axis=1)) < 0.1


def test_a_mask_leaves_out_what_is_beside():
    """A body that was laid aside another object, which stays: the object drives whatever looks at it."""
    truth, fixed, points = pair("smooth")
    mask = fixed.array > 20
    stays = (..., slice(0, 4))
    images = [volume.array.copy() for volume in (fixed, body())]
    for image in images:
        image[stays] = 400 * np.random.default_rng(0).uniform(size=image[stays].shape)
    masked = instance_optimisation.optimise_velocity(
        Volume(images[0], fixed.affine), Volume(images[1], fixed.affine), levels=LEVELS, mask=mask
    )
    assert mean_error(masked, truth, points) < 0.5 * mean_error(Transform(), truth, points)


def test_one_slice_stays_in_its_plane():
    truth, fixed, _ = pair("smooth")
    still, moving = (Volume(volume.array[15:16], np.diag([2.5, 3.0, 4.0, 1.0])) for volume in (fixed, body()))
    bent = deformation.random_warp(moving, np.random.default_rng(2), distance=25, amplitude=3)
    still = warping.warp(moving, bent, moving)
    for found in (instance_optimisation.optimise_velocity(still, moving, levels=LEVELS),
                  instance_optimisation.optimise_affine(still, moving, levels=LEVELS)):  # fmt: skip
        moved = warping.displacements(found, still)
        assert np.abs(moved[2]).max() == 0
        true = warping.displacements(bent, still)
        before, after = (np.linalg.norm(each, axis=0)[still.array > 25].mean() for each in (true, moved - true))
        assert after < 0.75 * before


def test_a_slice_and_a_volume_do_not_go_together():
    with pytest.raises(UsageError, match="30 and 1 slices"):
        instance_optimisation.optimise_velocity(body(), Volume(np.zeros((1, 5, 5)), np.eye(4)))


@pytest.mark.parametrize("axes", ["LPS", "LIA", "PSR"])
def test_orientation_of_the_header_is_followed(axes):
    """The same image stored the other way round is at the same place, and no registration is needed."""
    turned = volumes.to_orientation(body(), axes)
    np.testing.assert_allclose(warping.warp(turned, Transform(), body()).array, body().array, atol=1e-3)
    truth, fixed, points = pair("smooth")
    found = instance_optimisation.optimise_velocity(fixed, turned, levels=LEVELS[:1])
    same = instance_optimisation.optimise_velocity(fixed, body(), levels=LEVELS[:1])
    assert mean_error(found, same, points) < 0.02


def test_spacing_of_the_header_is_followed():
    truth, fixed, points = pair("rigid")
    coarse = volumes.resample(body(), (5.0, 3.0, 4.0))
    found = registration.register_linear(fixed, coarse, kind="rigid", sampled=1.0, shrink=(2, 1))
    assert mean_error(found, truth, points) < 0.7


def test_a_spacing_that_is_wrong_shows_as_a_scale():
    wrong = dataclasses.replace(body(), affine=np.diag([1.0, 1.0, 1.2, 1.0]) @ body().affine)
    found = registration.register_linear(body(), wrong, kind="affine", sampled=1.0, shrink=(2, 1))
    np.testing.assert_allclose(np.diag(found.parts[0])[:3], [1, 1, 1.2], atol=0.03)


def test_a_wrong_origin_is_found_from_the_centres():
    wrong = dataclasses.replace(body(), affine=body().affine + np.pad([[246.0]], ((2, 1), (3, 0))))
    with pytest.raises(UsageError, match="overlap"):
        registration.register_linear(body(), wrong, kind="translation")
    start = registration.align_centres(body(), wrong)
    np.testing.assert_allclose(start.parts[0][:3, 3], [0, 0, 246], atol=1e-3)
    found = registration.register_linear(body(), wrong, kind="translation", start=start, sampled=1.0)
    np.testing.assert_allclose(found.parts[0][:3, 3], [0, 0, 246], atol=0.5)


def test_a_label_on_another_grid_goes_by_its_header():
    label = volumes.resample(organs(body()), (3.4, 1.7, 2.3), labels=True)
    by_header = warping.warp(label, Transform(), body(), labels=True).array > 0
    by_index = np.zeros(body().array.shape, bool)
    shape = np.minimum(label.array.shape, by_index.shape)
    by_index[: shape[0], : shape[1], : shape[2]] = label.array[: shape[0], : shape[1], : shape[2]] > 0
    true = organs(body()).array > 0
    dice = [2 * np.sum(each & true) / (each.sum() + true.sum()) for each in (by_header, by_index)]
    assert dice[0] > 0.93 and dice[1] < 0.8


def test_a_mirrored_image_is_worse_after_registration():
    """A rotation cannot undo a flip; the header of a flipped file says nothing of it."""
    mirrored = dataclasses.replace(body(), array=body().array[:, :, ::-1].copy())
    losses = []
    for moving in (body(), mirrored):
        found = registration.register_linear(body(), moving, kind="rigid", metric="mean_squares", sampled=1.0)
        moved = warping.warp(moving, found, body())
        losses.append(float(np.mean((moved.array - body().array) ** 2)))
    assert losses[0] < 0.1 * losses[1]


def test_starts_that_cannot_be_used():
    with pytest.raises(UsageError, match="give a linear one"):
        registration.register_linear(body(), body(), start=smooth(body()))
    with pytest.raises(UsageError, match="do not overlap"):
        instance_optimisation.optimise_velocity(body(), body(), start=linear(shift=(900, 0, 0)), levels=LEVELS)
    with pytest.raises(UsageError, match="metric is 'ncc'"):
        registration.register_linear(body(), body(), metric="ncc")
    with pytest.raises(UsageError, match="2 grids and 1 numbers"):
        demons.register_demons(body(), body(), shrink=(2, 1), n_iterations=(3,))
    with pytest.raises(DataError, match="below 0|values of 0 and more"):
        registration.align_centres(Volume(np.full((2, 2, 2), -1000), np.eye(4)), body())
    with pytest.raises(UsageError, match="The mask is empty"):
        instance_optimisation.optimise_velocity(body(), body(), mask=np.zeros(body().array.shape))


def test_windows_of_the_local_correlation_are_monais():
    import torch
    from monai.losses import LocalNormalizedCrossCorrelationLoss

    image, other = torch.rand(2, 1, 1, 9, 10, 11, generator=torch.Generator().manual_seed(0))
    theirs = 1 + LocalNormalizedCrossCorrelationLoss(3, 5, reduction="none", smooth_dr=1e-9)(other, image)
    ours = similarity.local_correlation(5, least_variance=0.0)(image, other, torch.ones_like(image))
    # At the border theirs counts zeros beyond it, ours does not.
    assert float(ours) == pytest.approx(float(theirs[..., 2:-2, 2:-2, 2:-2].mean()), abs=0.02)
    with pytest.raises(UsageError, match="window is 4"):
        similarity.local_correlation(4)


def test_what_has_no_weight_has_no_say_in_a_window():
    import torch

    image, other = torch.rand(2, 1, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    weight = torch.zeros_like(image)
    weight[..., 4:8, 4:8] = 1
    loss = similarity.local_correlation(5)
    expected = float(loss(image, other, weight))
    spoilt = torch.where(weight > 0, other, 1e3)
    assert float(loss(image, spoilt, weight)) == pytest.approx(expected, abs=1e-5)


def test_names_of_the_spaces_are_kept():
    start = Transform((), "today", "last year")
    pair, few = (body(), body()), [Level(9.0, 2)]
    for found in (
        registration.register_linear(*pair, start=start, shrink=[4], n_iterations=2),
        demons.register_demons(*pair, start=start, shrink=[4], n_iterations=[2]),
        instance_optimisation.optimise_affine(*pair, start=start, levels=few),
        instance_optimisation.optimise_velocity(*pair, start=start, levels=few),
    ):
        assert (found.fixed, found.moving) == ("today", "last year")
    assert transforms.compose(found, Transform((), "last year", "atlas")).moving == "atlas"
