"""The denoising notebook on real patients and real noise, shortened: small networks, few windows, short records."""

import pytest

SHORT = {
    "dataset": "mitdb",
    "noise_dataset": "nstdb",
    "n_train_windows": 4096,
    "epochs": 2,
    "diffusion_epochs": 1,
    "batch_size": 128,
    "n_test_windows": 4,
    "diffusion_steps": 2,
    "n_shots": 2,
    "classified_seconds": 20,
    "classifier_epochs": 1,
    "n_classifier_records": 4,
}


@pytest.mark.real
def test_a_short_training_on_real_patients_beats_filters_in_mixed_noise(run_on_real_data):
    metrics = run_on_real_data("ecg/denoising", SHORT, needs=["mitdb", "nstdb"])
    assert metrics["ssd_unet"].n == 22 and metrics["ssd_unet"].reference["value"] == 4.29
    # Asserted on validation patients alone: the test set is not for development.
    error = {key: metrics[f"validation_prd_of_reference_{key}"].value for key in ("bandpass", "wavelet", "unet")}
    assert error["unet"] < 0.8 * error["bandpass"] and error["unet"] < error["wavelet"]
    assert metrics["validation_prd_of_reference_diffusion"].value < error["bandpass"]
