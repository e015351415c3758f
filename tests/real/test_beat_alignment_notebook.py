"""The notebook on alignment on real beats, shortened: fewer beats of each record, shorter averages."""

import pytest

SHORT = {
    "dataset": "mitdb",
    "noise_dataset": "nstdb",
    "n_beats": 12,
    "n_averaged": 16,
    "n_segments": 2,
    "elastic_iterations": 3,
}


@pytest.mark.real
def test_methods_find_known_shifts_of_real_beats(run_on_real_data):
    metrics = run_on_real_data("ecg/beat_alignment", SHORT, needs=["mitdb", "nstdb"])
    assert metrics["rmse_ms_woody"].n == 21
    # Asserted on the training records alone: the test set is not for development.
    validated = {name.removeprefix("validation_"): metric.value for name, metric in metrics.items() if "valid" in name}
    assert validated["rmse_ms_woody"] < 1.5
    assert validated["rmse_ms_woody"] < min(validated["rmse_ms_rpeak"], validated["rmse_ms_correlation"])
    assert validated["rmse_ms_soft_dtw"] < 2.5
    # Where leads differ in sign, the envelopes do what the voltages cannot.
    assert validated["delay_rmse_ms_leads_envelopes"] < 0.6 * validated["delay_rmse_ms_leads_correlation"]
    # Laws, which no choice of settings can bend.
    assert metrics["slope_noise_white"].value == pytest.approx(-0.5, abs=0.05)
    assert metrics["cutoff_times_jitter"].value == pytest.approx(0.1325, abs=0.005)
    # No unbiased method is better than the bound; the sampling error of some 500 beats is 3 %.
    assert metrics["white_rmse_ms_woody"].value > 0.9 * metrics["white_rmse_ms_cramer_rao_bound"].value
