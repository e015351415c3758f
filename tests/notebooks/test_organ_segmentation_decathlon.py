"""The notebook on abdominal organs over several patients: on made-up files in the layout of the Decathlon's Task09."""

import hashlib

import numpy as np
import pytest

from medlib.datasets import simulate_abdomen, thorax_phantom
from medlib.execution import notebooks, task
from medlib.imaging.files import write_volume
from medlib.imaging.volumes import Volume

TINY = {
    "dataset": "msd-spleen", "organs": ["spleen"], "spacing": [10.0, 8.0, 8.0], "n_held_out": [1, 2],
    "patch": [8, 24, 24], "widths": [4, 8], "n_networks": 1, "epochs": 1, "steps": 2, "atlas_iterations": 1,
}  # fmt: skip


def make_patient(number):
    """An image in HU and the mask of the spleen: the abdomen of the sample, larger or smaller, on a grid of its own."""
    rng = np.random.default_rng(number)
    spacing, shape = rng.uniform([6, 6, 8], [8, 8, 12]), (20, 32, 44)
    affine = np.diag([*spacing, 1.0]) @ np.diag([-1.0, 1, 1, 1])  # the Decathlon's files begin at the left
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    z, y, x = np.indices(shape)
    points = (np.stack([x, y, z], -1) @ affine[:3, :3].T + affine[:3, 3]) / rng.uniform(0.9, 1.1, 3)
    image = simulate_abdomen.hounsfield_at(points) + rng.normal(0, 8, shape)
    spleen = simulate_abdomen.labels_at(points) == simulate_abdomen.LABELS["spleen"]
    return Volume(image.clip(thorax_phantom.AIR).astype(np.int16), affine), Volume(spleen.astype(np.uint8), affine)


@pytest.fixture
def decathlon(tmp_path, monkeypatch):
    """A mirror with six labelled patients, and one whose label is not given away."""
    folder = tmp_path / "mirror" / "msd-spleen"
    for part in ("imagesTr", "labelsTr", "imagesTs"):
        (folder / part).mkdir(parents=True)
    for number in range(1, 7):
        image, spleen = make_patient(number)
        write_volume(image, folder / "imagesTr" / f"spleen_{number}.nii.gz")
        write_volume(spleen, folder / "labelsTr" / f"spleen_{number}.nii.gz")
    write_volume(make_patient(7)[0], folder / "imagesTs" / "spleen_7.nii.gz")
    paths = sorted(path for path in folder.rglob("*.nii.gz"))
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(folder).as_posix()}\n" for path in paths
    ]
    (folder / "SHA256SUMS.txt").write_text("".join(lines))
    monkeypatch.setenv("MEDLIB_DATA", str(folder.parent))
    monkeypatch.setenv("MEDLIB_OFFLINE", "1")


def test_notebook_runs_over_patients_of_the_decathlon(decathlon, tmp_path):
    made = task.run(task.plan(notebooks.find("abdominal_ct/organ_segmentation"), TINY), tmp_path / "runs")
    assert made.done, made.record["error"]
    metrics = {metric.name: metric for metric in made.results.metrics}
    # Two patients to test, so there is an interval; three to train, one to validate.
    assert metrics["dice_mean"].n == 2 and metrics["dice_mean"].low <= metrics["dice_mean"].value
    assert metrics["validation_dice_mean"].n == 1
    assert metrics["dice_mean"].reference["value"] == 0.96
    assert metrics["dice_mean"].value == metrics["dice_spleen"].value
    # What needs a second modality or silver labels is left out.
    assert not any(name.startswith(("silver", "dice_mean_mr")) for name in metrics)
