"""The notebook on the real X-rays, shortened: one small network, four epochs."""

import pytest

SHORT = {"dataset": "pneumoniamnist", "n_networks": 1, "widths": [8, 16, 32], "epochs": 4, "batch_size": 128}


@pytest.mark.real
def test_a_short_run_ranks_validation_well(run_on_real_data):
    metrics = run_on_real_data("chest_xray/pneumonia_classification", SHORT, needs=["pneumoniamnist"])
    assert metrics["auroc"].n == 624
    # Asserted on validation alone: the test is not for development.
    assert metrics["validation_auroc"].value > 0.95
    assert metrics["validation_auroc_forest"].value > 0.95
