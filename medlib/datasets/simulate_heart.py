"""The heart vector of a simulated patient: waves that are Gaussians in time with an amplitude in three dimensions.

The axes are those of Frank: x to the left, y to the feet, z to the back, all in mV. Ventricles are activated from the
septum (a short vector to the right and the front, the q wave of V6 and the r wave of V1) over the left ventricle (to
the left, down and back) to its base (back); the atria from the right (forward and down) to the left. A finding changes
the vectors as textbooks describe it: an infarct takes away the forces that point to it, and its injury current points
to it; a bundle branch block leaves the blocked ventricle to be activated late and slowly, with a T wave in the opposite
direction; hypertrophy of the left ventricle makes its forces larger.

Source of Gaussian waves of the dipole: Sameni R, Clifford GD, Jutten C, Shamsollahi MB. Multichannel ECG and noise
modeling: application to maternal and fetal ECG signals. EURASIP J Adv Signal Process 2007:043407 (2007).
"""

from collections.abc import Collection

import numpy as np

from medlib.datasets.ecgsyn import Waves
from medlib.errors import UsageError

# Codes of the SCP-ECG statements that can be drawn: infarct of the inferior and of the anteroseptal wall, ischaemia,
# non-diagnostic T wave changes, blocks of the left and right bundle branch and of the first degree, and hypertrophy of
# the left ventricle.
FINDINGS = ("IMI", "ASMI", "ISC_", "NDT", "CLBBB", "CRBBB", "1AVB", "LVH")


def draw_heart(findings: Collection[str], rng: np.random.Generator) -> dict[str, Waves]:
    """Waves of a patient's heart vector.

    Parameters
    ----------
    findings : collection of str
        Of `FINDINGS`; none is a normal heart.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to Waves
        ``"P"``, ``"QRS"``, ``"ST"`` and ``"T"`` of sinus beats, ``"atrial P"`` of atrial premature ones,
        ``"ventricular QRS"`` and ``"ventricular T"``; amplitudes of shape (3, n_waves) in mV along x, y, z.

    Raises
    ------
    UsageError
        If a finding is unknown.

    Examples
    --------
    >>> heart = draw_heart(["LVH"], np.random.default_rng(0))
    >>> heart["QRS"].amplitude.shape
    (3, 4)
    """
    if unknown := sorted(set(findings) - set(FINDINGS)):
        raise UsageError(f"unknown findings {', '.join(unknown)}: known are {', '.join(FINDINGS)}")
    vectors, centre, width = _normal_heart(rng)
    for finding in FINDINGS:
        if finding in findings:
            _CHANGES[finding](vectors, centre, width, rng.uniform(0.5, 1.1), rng)
    _vary(vectors, rng)
    return {
        "P": _waves(vectors, centre, width, ("p right", "p left")),
        "QRS": _waves(vectors, centre, width, ("q", "r", "s", "late")),
        "ST": _waves(vectors, centre, width, ("st",)),
        "T": _waves(vectors, centre, width, ("t early", "t late")),
        "atrial P": _waves(vectors, centre, width, ("atrial",)),
        "ventricular QRS": _waves(vectors, centre, width, ("v r", "v s")),
        "ventricular T": _waves(vectors, centre, width, ("v t",)),
    }


def _normal_heart(rng: np.random.Generator) -> tuple[dict, dict, dict]:
    t = rng.uniform(0.5, 1.15) * np.array([0.25, 0.17, -0.14])
    ectopic = rng.uniform(0.8, 1.2) * np.array([[0.7, 0.9, 0.9], [-0.6, -0.8, -0.9]][rng.integers(2)])
    vectors = {
        "p right": np.array([0.03, 0.07, -0.05]),
        "p left": np.array([0.07, 0.06, 0.03]),
        "q": np.array([-0.14, -0.04, -0.20]),
        "r": np.array([1.0, 0.75, 0.35]),
        "s": np.array([-0.10, -0.10, 0.60]),
        "late": np.zeros(3),
        "st": np.array([0.01, 0.01, -0.02]),
        "t early": 0.45 * t,
        "t late": 0.75 * t,
        "atrial": np.array([0.06, -0.07, 0.05]),
        "v r": ectopic,
        "v s": rng.uniform(-0.5, -0.1) * ectopic,
        "v t": -0.33 * ectopic,
    }
    p, t_centre, slow = rng.uniform(-0.18, -0.145), rng.uniform(0.27, 0.30), rng.uniform(0.9, 1.1)
    centre = {"p right": p - 0.013, "p left": p + 0.013, "q": -0.022 * slow, "r": 0.0, "s": 0.024 * slow, "late": 0.065}
    centre |= {"st": 0.12, "t early": t_centre - 0.035, "t late": t_centre, "atrial": -0.12}
    centre |= {"v r": 0.0, "v s": 0.075, "v t": 0.34}
    width = {"p right": 0.016, "p left": 0.016, "q": 0.008 * slow, "r": 0.010 * slow, "s": 0.010 * slow, "late": 0.017}
    width |= {"st": 0.035, "t early": 0.048, "t late": 0.032, "atrial": 0.018, "v r": 0.030, "v s": 0.032, "v t": 0.06}
    return vectors, centre, width


def _vary(vectors: dict[str, np.ndarray], rng: np.random.Generator) -> None:
    # Hearts differ in size, in how they lie in the chest, and in each of their forces.
    from scipy.spatial.transform import Rotation

    rotation = Rotation.from_rotvec(rng.normal(0, np.deg2rad(9), 3)).as_matrix()
    size = rng.uniform(0.75, 1.25)
    for name, vector in vectors.items():
        vectors[name] = size * rng.normal(1, 0.12) * rotation @ vector


def _waves(vectors: dict, centre: dict, width: dict, names: tuple[str, ...]) -> Waves:
    return Waves(
        np.stack([vectors[name] for name in names], axis=1),
        np.array([centre[name] for name in names]),
        np.array([width[name] for name in names]),
    )


def _turn(vectors: dict[str, np.ndarray], name: str, goal: list[float], share: float) -> None:
    vectors[name] = (1 - share) * vectors[name] + share * np.array(goal)


def _turn_t(vectors: dict[str, np.ndarray], goal: list[float], share: float) -> None:
    for name, part in (("t early", 0.45), ("t late", 0.75)):
        _turn(vectors, name, [part * value for value in goal], share)


def _inferior_infarct(vectors, centre, width, severity, rng) -> None:
    _turn(vectors, "q", [-0.08, -0.45, -0.12], severity)
    centre["q"], width["q"] = -0.028, 0.012
    vectors["r"][1] *= 1 - 0.5 * severity
    if rng.random() < 0.5:  # acute
        vectors["st"] += severity * np.array([-0.03, 0.18, 0.10])
    else:
        _turn_t(vectors, [0.2, -0.2, -0.15], severity)


def _anterior_infarct(vectors, centre, width, severity, rng) -> None:
    _turn(vectors, "q", [-0.08, 0.0, 0.30], severity)
    centre["q"], width["q"] = -0.028, 0.012
    _turn(vectors, "r", [0.8, 0.7, 0.55], severity)
    if rng.random() < 0.5:  # acute
        vectors["st"] += severity * np.array([0.05, 0.0, -0.16])
    else:
        _turn_t(vectors, [0.10, 0.15, 0.22], severity)


def _ischaemia(vectors, centre, width, severity, rng) -> None:
    vectors["st"] += severity * np.array([-0.11, -0.08, 0.06])
    _turn_t(vectors, [-0.12, -0.06, 0.02], severity)


def _t_changes(vectors, centre, width, severity, rng) -> None:
    _turn_t(vectors, [-0.08, -0.05, 0.04], severity)


def _left_bundle_branch_block(vectors, centre, width, severity, rng) -> None:
    vectors |= {"q": np.array([0.12, 0.1, 0.12]), "r": np.array([0.75, 0.45, 0.8]), "s": np.array([0.75, 0.25, 1.0])}
    centre |= {"q": -0.032, "s": 0.05}
    width |= {"q": 0.013, "r": 0.017, "s": 0.021}
    vectors["st"] = np.array([-0.05, -0.02, -0.12])
    _turn_t(vectors, [-0.25, -0.08, -0.28], 1.0)


def _right_bundle_branch_block(vectors, centre, width, severity, rng) -> None:
    vectors["late"] = (0.7 + 0.4 * severity) * np.array([-0.42, 0.0, -0.5])
    vectors["s"][2] = 0.2
    for name in ("t early", "t late"):
        vectors[name][2] *= -0.8


def _first_degree_block(vectors, centre, width, severity, rng) -> None:
    delay = 0.03 + 0.09 * severity
    for name in ("p right", "p left"):
        centre[name] = min(centre[name], -0.16) - delay


def _left_ventricular_hypertrophy(vectors, centre, width, severity, rng) -> None:
    vectors["r"] *= 1 + np.array([0.9, 0.2, 0.9]) * severity
    vectors["s"][2] *= 1 + 0.6 * severity
    vectors["st"] += severity * np.array([-0.07, -0.02, -0.04])
    _turn_t(vectors, [-0.22, -0.04, -0.14], 0.9 * severity)


_CHANGES = {
    "IMI": _inferior_infarct,
    "ASMI": _anterior_infarct,
    "ISC_": _ischaemia,
    "NDT": _t_changes,
    "CLBBB": _left_bundle_branch_block,
    "CRBBB": _right_bundle_branch_block,
    "1AVB": _first_degree_block,
    "LVH": _left_ventricular_hypertrophy,
}
