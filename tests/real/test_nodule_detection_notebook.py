"""The notebook on finding nodules, learning from real patches, with few small scans; and scoring of real detections."""

import numpy as np
import pytest
from monai.metrics import froc as monai_froc
from scipy import ndimage

from medlib import datasets, froc
from medlib.datasets import image_sets

SHORT = {"dataset": "luna16-patches", "block": 2000, "n_slices": 16, "n_scans": [2, 2, 12], "epochs": 3, "patience": 3}


@pytest.mark.real
def test_a_short_run_on_real_patches_learns(run_on_real_data):
    metrics = run_on_real_data("lung_ct/nodule_detection", SHORT, needs=["luna16-patches"])
    # Asserted on validation: the test patches are not for development.
    # Above what the response to blobs reaches on the test patches, 0.76; three epochs reached 0.84.
    assert metrics["validation_auroc_patches_on_patches"].value > 0.78
    assert metrics["candidate_sensitivity"].value > 0.7
    assert metrics["lung_dice"].value > 0.95
    # Blocks of the list of candidates, of which some hold no test patch.
    assert 40 <= metrics["auroc_patches_learned_patches"].n <= 56


@pytest.mark.real
def test_detections_in_real_patches_are_judged_as_monai_judges(real_folder):
    """Blobs that the Laplacian of Gaussian finds in patches, each an image whose nodule, if any, is in the middle."""
    folder, entry = real_folder("luna16-patches"), datasets.get("luna16-patches")
    part = image_sets.read_medmnist(folder / next(iter(entry.files)), entry.classes).validation
    disc = (np.hypot(*(np.indices((50, 50)) - 25)) < 6).astype(int)
    judged, false, found, n_targets = [], [], [], 0
    for image, label in zip(part.images, part.labels, strict=True):
        response = -ndimage.gaussian_laplace(image.astype(float), 3.5)
        marks = np.argwhere((response == ndimage.maximum_filter(response, 7)) & (response > 2))
        scores = response[tuple(marks.T)]
        judged.append(froc.match(marks, scores, [[25, 25]] * label, [6] * label))
        n_targets += int(label)
        if len(marks):
            one, other, _ = monai_froc.compute_fp_tp_probs_nd(scores, marks, disc * int(label))
            assert sorted(one) == pytest.approx(sorted(judged[-1].false))
            false, found = [*false, *one], [*found, *other]
    curve = monai_froc.compute_froc_curve_data(np.array(false), np.array(found), n_targets, len(judged))
    rates = (0.25, 0.5, 1, 2)
    expected = [np.interp(rate, curve[0][::-1], curve[1][::-1]) for rate in rates]
    assert froc.sensitivity(judged, rates) == pytest.approx(expected, abs=1e-3)
    assert 0.3 < froc.sensitivity(judged, (1,))[0] < 1
