"""The notebook on beat detection on real recordings, shortened: four training and two test records, three epochs."""

import os
from unittest import mock

import pytest

from medlib import datasets
from medlib.errors import DataError
from medlib.execution import notebooks, task

SHORT = {"dataset": "mitdb", "noise_dataset": "nstdb", "n_train": 4, "n_test": 2, "epochs": 3, "xqrs_step": 4}


@pytest.mark.real
def test_a_short_run_finds_the_beats_of_held_out_patients_in_noise(tmp_path):
    try:
        with mock.patch.dict(os.environ, MEDLIB_OFFLINE="1"):
            datasets.locate("mitdb"), datasets.locate("nstdb")
    except DataError:
        pytest.skip("the real mitdb or nstdb is neither in MEDLIB_DATA nor in the cache")
    made = task.run(task.plan(notebooks.find("ecg/beat_detection"), SHORT), tmp_path)
    assert made.done and made.results.data == "real"
    metrics = {metric.name: metric for metric in made.results.metrics}
    assert metrics["f1_150ms"].n == 2 and metrics["cv_f1_150ms_clean"].n == 4
    # Asserted on cross-validation over training patients alone: the test set is not for development.
    assert metrics["cv_f1_150ms_clean"].value > 0.97
    assert metrics["cv_f1_50ms_clean"].value > 0.95
    # Each network has seen two patients; on all of DS1 it is 0.94.
    assert metrics["cv_f1_150ms_snr_0"].value > 0.6
    # The order that noise makes.
    in_noise = [metrics[f"cv_f1_150ms_snr_{snr}"].value for snr in (12, 6, 0)]
    assert in_noise == sorted(in_noise, reverse=True)
