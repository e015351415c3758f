"""The simulated heart vector and its leads: laws of the leads, textbook intervals, and boundaries of known waves."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medlib.datasets import simulate_heart, simulate_twelve_leads
from medlib.datasets.ecg_patients import Beats, Patient
from medlib.datasets.ecgsyn import Waves
from medlib.datasets.simulate_twelve_leads import DOWER, LEADS
from medlib.errors import UsageError

# Edenbrandt and Pahlm 1988: x, y, z from V1 to V6, I, II.
INVERSE_DOWER = [
    [-0.172, -0.074, 0.122, 0.231, 0.239, 0.194, 0.156, -0.010],
    [0.057, -0.019, -0.106, -0.022, 0.041, 0.048, -0.227, 0.887],
    [-0.229, -0.310, -0.246, -0.063, 0.055, 0.108, 0.022, 0.102],
]
STEADY = Patient("1", heart_rate=60, variability=0.0)


def simulate(findings=(), seed=0, patient=STEADY, sampling_rate=500.0):
    rng = np.random.default_rng(seed)
    return simulate_twelve_leads.simulate(patient, findings, 10.0, sampling_rate, rng)


def lead(voltage, name):
    return voltage[LEADS.index(name)]


def at_peak(recording, seconds=0.0):
    """Mean noise-free voltage of each lead at a time from the R peak, over the beats well inside."""
    time = recording.beats.time[(recording.beats.time > 1) & (recording.beats.time < 9)] + seconds
    return recording.clean[:, np.rint(time * recording.sampling_rate).astype(int)].mean(axis=1)


def around_peak(recording, start, stop):
    """Noise-free leads from `start` to `stop`, in s from the R peak of the third beat inside."""
    time = recording.beats.time[recording.beats.time > 2][0]
    first, last = np.rint((time + np.array([start, stop])) * recording.sampling_rate).astype(int)
    return recording.clean[:, first:last]


def test_dower_transform_is_inverted_by_the_matrix_of_edenbrandt():
    published = np.array(INVERSE_DOWER)[:, [6, 7, 0, 1, 2, 3, 4, 5]]
    np.testing.assert_allclose(published @ DOWER, np.eye(3), atol=0.01)


@given(st.lists(st.floats(-5, 5), min_size=8, max_size=8))
def test_limb_leads_keep_the_laws_of_einthoven_and_goldberger(voltages):
    leads = dict(zip(LEADS, simulate_twelve_leads.twelve_leads(np.array(voltages)[:, None])[:, 0], strict=True))
    assert leads["I"] + leads["III"] == pytest.approx(leads["II"])
    assert leads["aVR"] + leads["aVL"] + leads["aVF"] == pytest.approx(0, abs=1e-9)
    # A limb lead is the difference of two augmented ones, which are 1.5 times their electrodes' potentials.
    assert (leads["aVL"] - leads["aVR"]) / 1.5 == pytest.approx(leads["I"], abs=1e-9)
    assert (leads["aVF"] - leads["aVR"]) / 1.5 == pytest.approx(leads["II"], abs=1e-9)
    assert [leads[f"V{number}"] for number in range(1, 7)] == voltages[2:]


def test_noise_keeps_einthovens_law():
    recording = simulate()
    for voltage in (recording.clean, recording.noise):
        np.testing.assert_allclose(lead(voltage, "I") + lead(voltage, "III"), lead(voltage, "II"), atol=1e-12)


def test_normal_intervals():
    for seed in range(30):
        heart = simulate_heart.draw_heart([], np.random.default_rng(seed))
        (p_on, p_off), (qrs_on, qrs_off), (_, t_off) = (
            simulate_twelve_leads._delineate(heart[name])[:2] for name in ("P", "QRS", "T")
        )
        assert 0.08 <= p_off - p_on <= 0.115
        assert 0.12 <= qrs_on - p_on <= 0.20
        assert 0.07 <= qrs_off - qrs_on <= 0.11
        assert 0.33 <= t_off - qrs_on <= 0.45


@pytest.mark.parametrize("seed", range(5))
def test_normal_heart_has_r_waves_that_grow_and_s_waves_that_shrink_to_the_left(seed):
    qrs = around_peak(simulate(seed=seed), -0.05, 0.06)
    r, s = qrs.max(axis=1), qrs.min(axis=1)
    assert lead(r, "V1") < -lead(s, "V1")
    assert lead(r, "V1") < lead(r, "V4")
    assert lead(r, "V5") > -lead(s, "V5")
    assert -lead(s, "V6") < -lead(s, "V3")
    assert lead(r, "II") > 0.4
    assert lead(s, "aVR") < -0.3


def test_infarct_of_the_inferior_wall_has_q_waves_there_alone():
    for seed in range(5):
        normal, infarct = (around_peak(simulate(found, seed), -0.06, -0.018) for found in ((), ("IMI",)))
        for name in ("II", "III", "aVF"):
            assert lead(infarct, name).min() < lead(normal, name).min() - 0.1
        assert lead(infarct, "V5").min() > -0.2


def test_infarct_of_the_anteroseptal_wall_takes_r_away_from_v2():
    ratio = []
    for seed in range(8):
        normal, infarct = (around_peak(simulate(found, seed), -0.06, 0.0) for found in ((), ("ASMI",)))
        assert lead(infarct, "V2").max() < lead(normal, "V2").max()
        ratio.append(lead(infarct, "V2").max() / lead(normal, "V2").max())
    assert np.median(ratio) < 0.6


def test_ischaemia_depresses_st_and_turns_t_in_v5():
    st_change, t_change = [], []
    for seed in range(10):
        normal, ischaemia = simulate(seed=seed), simulate(["ISC_"], seed)
        st_change.append(lead(at_peak(ischaemia, 0.12), "V5") - lead(at_peak(normal, 0.12), "V5"))
        t_change.append(lead(at_peak(ischaemia, 0.28), "V5") - lead(at_peak(normal, 0.28), "V5"))
    assert np.mean(st_change) < -0.05
    assert np.mean(t_change) < -0.15


@pytest.mark.parametrize(("finding", "v1", "v6"), [("CLBBB", -1, 1), ("CRBBB", 1, -1)])
def test_bundle_branch_blocks_are_wide_and_late_towards_the_blocked_side(finding, v1, v6):
    for seed in range(5):
        late = at_peak(simulate([finding], seed), 0.062)
        assert v1 * lead(late, "V1") > 0.15
        assert v6 * lead(late, "V6") > 0.1
        onset, offset, *_ = simulate_twelve_leads._delineate(
            simulate_heart.draw_heart([finding], np.random.default_rng(seed))["QRS"]
        )
        assert offset - onset >= 0.12


def test_t_wave_of_left_bundle_branch_block_is_discordant():
    for seed in range(5):
        recording = simulate(["CLBBB"], seed)
        t_wave, qrs = at_peak(recording, 0.28), at_peak(recording, 0.03)
        for name in ("V1", "V6"):
            assert lead(t_wave, name) * lead(qrs, name) < 0


def test_first_degree_block_has_a_long_pr_interval():
    for seed in range(10):
        heart = simulate_heart.draw_heart(["1AVB"], np.random.default_rng(seed))
        p_on, qrs_on = (simulate_twelve_leads._delineate(heart[name])[0] for name in ("P", "QRS"))
        assert qrs_on - p_on > 0.2


def sokolow(recording):
    qrs = around_peak(recording, -0.05, 0.08)
    return lead(qrs, "V5").max() - lead(qrs, "V1").min()


def test_hypertrophy_raises_the_index_of_sokolow_and_lyon():
    normal = np.array([sokolow(simulate(seed=seed)) for seed in range(20)])
    hypertrophy = np.array([sokolow(simulate(["LVH"], seed)) for seed in range(100, 120)])
    assert np.median(normal) < 2.5
    assert np.mean(normal < 3.5) >= 0.95
    assert np.median(hypertrophy) > 3.0


def test_unknown_finding():
    with pytest.raises(UsageError, match="LBBB"):
        simulate_heart.draw_heart(["LBBB"], np.random.default_rng(0))


@pytest.mark.parametrize("rate", [45, 60, 90, 120])
def test_heart_rate(rate):
    recording = simulate(patient=dataclasses.replace(STEADY, heart_rate=rate))
    np.testing.assert_allclose(np.diff(recording.beats.time), 60 / rate)


def test_fibrillation_has_irregular_beats_and_waves_in_v1_but_no_p():
    patient = Patient("1", heart_rate=80, variability=0.17, rhythm="fibrillation")
    recording, sinus = simulate(patient=patient), simulate()
    interval = np.diff(recording.beats.time)
    assert interval.std() / interval.mean() > 0.1
    assert np.abs(around_peak(recording, -0.2, -0.14)).max() < np.abs(around_peak(sinus, -0.2, -0.14)).max()
    assert not any(wave.symbol == "p" for waves in simulate_twelve_leads.boundaries(recording) for wave in waves)
    frequency = np.fft.rfftfreq(5000, 1 / 500)
    power = [
        np.abs(np.fft.rfft(lead(record.noise, "V1")))[(frequency > 4) & (frequency < 8)]
        for record in (recording, sinus)
    ]
    assert np.sum(power[0] ** 2) > 5 * np.sum(power[1] ** 2)


def test_noise_stays_below_the_band_of_the_recorder():
    noise = simulate_twelve_leads.draw_noise(8, 3000, 300.0, np.random.default_rng(0), highest=40.0)
    power = np.abs(np.fft.rfft(noise, axis=1)) ** 2
    # Muscle noise that swells leaks a little out of its band.
    assert power[:, np.fft.rfftfreq(3000, 1 / 300) > 41].sum() < 1e-3 * power.sum()


def gaussian_recording(amplitude, centre, width, stretch=1.0):
    """A recording whose only wave of each beat is a T wave of the given Gaussians."""
    none = Waves(np.zeros((3, 1)), np.array([0.0]), np.array([0.01]))
    heart = dict.fromkeys(("P", "QRS", "ST", "atrial P", "ventricular QRS", "ventricular T"), none)
    heart["T"] = Waves(np.array(amplitude), np.array(centre), np.array(width))
    beats = Beats(np.arange(0.5, 10), np.full(10, "N"))
    zeros = np.zeros((12, 10_000))
    return simulate_twelve_leads.Recording(zeros, zeros, beats, heart, np.full(10, stretch), 1000.0, True)


@given(st.floats(0.2, 0.3), st.floats(0.02, 0.05), st.floats(0.7, 1.2))
def test_boundaries_of_a_gaussian_are_symmetric(centre, width, stretch):
    recording = gaussian_recording([[0.5], [0.4], [-0.3]], [centre], [width], stretch)
    reach = np.sqrt(2 * np.log(20))  # standard deviations at which a Gaussian is 5 % of its peak
    for waves in simulate_twelve_leads.boundaries(recording):
        assert len(waves) in (0, 8)  # without the first and the last beat, in leads in which it is visible
        for wave, beat in zip(waves, range(1, 9), strict=False):
            peak = 1000 * (beat + 0.5 + stretch * centre)
            assert wave.peak == pytest.approx(peak, abs=1.1)
            assert wave.onset == pytest.approx(peak - 1000 * stretch * reach * width, abs=1.5)
            assert wave.offset == pytest.approx(peak + 1000 * stretch * reach * width, abs=1.5)


def test_invisible_waves_are_left_out_of_their_lead():
    # A vector at right angles to that of lead II.
    vector = np.cross(DOWER[1], [0.0, 0.0, 1.0])
    leads = simulate_twelve_leads.boundaries(gaussian_recording(vector[:, None], [0.25], [0.03]))
    assert not leads[LEADS.index("II")]
    assert len(leads[LEADS.index("V4")]) == 8


@pytest.mark.parametrize("finding", [(), ("CRBBB",), ("CLBBB",), ("1AVB",)])
def test_annotated_peaks_are_those_of_the_noise_free_lead(finding):
    recording = simulate(finding, seed=1)
    checked = 0
    for clean, waves in zip(recording.clean, simulate_twelve_leads.boundaries(recording), strict=True):
        for wave in waves:
            inside = np.abs(clean[wave.onset : wave.offset + 1])
            if wave.symbol == "N":
                assert abs(wave.onset + int(inside.argmax()) - wave.peak) <= 1
                checked += 1
    assert checked >= 80


def test_overlapping_waves_meet_halfway():
    first, second = simulate_twelve_leads.Wave("t", 100, 150, 210), simulate_twelve_leads.Wave("p", 200, 230, 260)
    parted = simulate_twelve_leads._part([first, second])
    assert (parted[0].offset, parted[1].onset) == (205, 206)
    assert (parted[0].onset, parted[1].offset) == (100, 260)
