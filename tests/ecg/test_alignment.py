import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medlib.ecg.alignment import align_beats, sinus_template
from medlib.ecg.beats import cut_windows
from medlib.errors import DataError

RATE = 180
TIME = np.arange(-60, 100) / RATE


def bump(centre, width):
    return np.exp(-0.5 * np.square((TIME - centre) / width))


# P, R, S and T waves; and a wide beat without P. Both of size about 1.
SINUS = np.stack([0.1 * bump(-0.16, 0.02) + bump(0, 0.012) - 0.2 * bump(0.04, 0.012) + 0.2 * bump(0.25, 0.04)] * 2)
SINUS[1] *= -0.6
ECTOPIC = np.stack([-0.8 * bump(0.02, 0.05) + 0.4 * bump(0.3, 0.06), 0.7 * bump(0.01, 0.05)])


def beat_train(n_beats, noise=0.0, seed=0):
    """Signal of sinus beats every 0.9 s, and where they are."""
    positions = 200 + 162 * np.arange(n_beats)
    signal = noise * np.random.default_rng(seed).normal(size=(2, positions[-1] + 200))
    for position in positions:
        signal[:, position - 60 : position + 100] += SINUS
    return signal, positions


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_known_shifts_are_undone(seed):
    signal, positions = beat_train(90, noise=0.02, seed=seed)
    marks = positions.copy()
    moved = np.random.default_rng(seed).permutation(90)[:30]
    marks[moved] += np.random.default_rng(seed).integers(-4, 5, size=30)
    assert np.abs(align_beats(signal, marks, RATE) - positions).max() <= 1


def test_shifts_without_noise_are_undone_to_the_sample():
    signal, positions = beat_train(400)
    marks = positions.copy()
    marks[::3] += np.resize([-4, -2, 1, 3, 4], len(marks[::3]))
    np.testing.assert_array_equal(align_beats(signal, marks, RATE), positions)


def test_beat_is_not_moved_by_more_than_the_largest_shift():
    signal, positions = beat_train(50)
    marks = positions.copy()
    marks[20] += 8
    moved = {seconds: align_beats(signal, marks, RATE, seconds)[20] - marks[20] for seconds in (0, 0.01, 0.022, 0.05)}
    assert moved[0] == 0 and abs(moved[0.01]) <= 2 and abs(moved[0.022]) <= 4 and moved[0.05] == -8


def test_artefact_beside_a_beat_does_not_pull_it():
    signal, positions = beat_train(50)
    signal[:, positions[20] + 20] -= 100
    np.testing.assert_array_equal(align_beats(signal, positions, RATE), positions)


def test_polarity_makes_no_difference():
    signal, positions = beat_train(50, noise=0.1)
    marks = positions + np.resize([0, 0, 2, -1], 50)
    np.testing.assert_array_equal(align_beats(-signal, marks, RATE), align_beats(signal, marks, RATE))


def test_flat_signal_moves_nothing():
    positions = np.arange(50, 5000, 150)
    np.testing.assert_array_equal(align_beats(np.zeros((2, 5100)), positions, RATE), positions)


def test_beats_stay_within_the_record():
    signal, positions = beat_train(30)
    cropped = signal[:, 202 : positions[-1] - 1]
    marks = np.r_[0, positions[1:-1] - 202, cropped.shape[1] - 1]
    aligned = align_beats(cropped, marks, RATE)
    assert aligned.min() >= 0 and aligned.max() < cropped.shape[1]


def test_marks_given_are_left_alone():
    signal, positions = beat_train(30)
    marks = positions + 1
    align_beats(signal, marks, RATE)
    np.testing.assert_array_equal(marks, positions + 1)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.7])
def test_template_ignores_premature_ectopic_beats(share):
    generator = np.random.default_rng(1)
    early = generator.random(400) < share
    rr = np.where(early, 0.55, 0.9) + generator.uniform(-0.02, 0.02, 400)
    windows = np.where(early[:, None, None], ECTOPIC, SINUS)
    np.testing.assert_array_equal(sinus_template(windows, rr), np.broadcast_to(SINUS, windows.shape))


def test_template_follows_a_change_of_the_sinus_beat():
    windows = np.repeat([SINUS, 0.5 * SINUS], 500, axis=0)
    template = sinus_template(windows, np.full(1000, 0.9))
    np.testing.assert_array_equal(template[:400], windows[:400])
    np.testing.assert_array_equal(template[600:], windows[600:])


def test_template_has_less_noise_than_a_beat_by_the_root_of_the_number_of_beats():
    signal, positions = beat_train(160, noise=0.1)
    template = sinus_template(cut_windows(signal, positions, 60, 100), np.full(160, 0.9))
    # The deviation of a median of n normal values is sqrt(pi / 2n) times theirs.
    assert np.std(template[0] - SINUS) == pytest.approx(0.1 * np.sqrt(np.pi / 320), rel=0.2)


def test_template_of_one_beat_is_the_beat():
    np.testing.assert_array_equal(sinus_template(SINUS[None], np.array([0.9])), SINUS[None])


def test_template_needs_an_interval_for_each_beat():
    with pytest.raises(DataError, match="2 windows but 3 intervals"):
        sinus_template(np.zeros((2, 2, 8)), np.ones(3))
