import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medlib.ecg.classes import CLASSES, aami_classes, is_beat, symbol_classes
from medlib.errors import DataError, UsageError

BEATS = "NLRBAaJSVFejnE/fQr?"


def test_every_beat_symbol_has_the_class_that_bxb_gives_it():
    expected = list("NNNNSSSSVFSSSVQQQVQ")
    assert aami_classes(list(BEATS), "bxb").tolist() == expected


def test_conventions_differ_in_atrial_and_nodal_escape_beats_alone():
    de_chazal, bxb = (aami_classes(list(BEATS), convention) for convention in ("de_chazal", "bxb"))
    assert [symbol for symbol, a, b in zip(BEATS, de_chazal, bxb, strict=True) if a != b] == ["e", "j"]
    assert set(de_chazal[list(map(BEATS.index, "ej"))]) == {"N"}


def test_aami_classes_stand_for_themselves():
    for convention in ("de_chazal", "bxb"):
        assert aami_classes(CLASSES, convention).tolist() == list(CLASSES)


def test_marks_of_rhythm_noise_and_waves_are_no_beats():
    assert is_beat(list(BEATS)).all()
    assert not is_beat(list("+~|[]!x(ptu)s*^=@D\"T'`")).any()


@given(st.lists(st.sampled_from(BEATS)))
def test_classes_are_those_of_the_symbols_one_by_one(symbols):
    expected = [symbol_classes("bxb")[symbol] for symbol in symbols]
    assert aami_classes(np.array(symbols, dtype=str), "bxb").tolist() == expected


def test_shape_is_kept():
    assert aami_classes(np.array([["N", "V"], ["A", "F"]])).tolist() == [["N", "V"], ["S", "F"]]


def test_symbol_that_is_no_beat_is_refused_by_name():
    with pytest.raises(DataError, match=r"\['\+', 'z'\].*is_beat"):
        aami_classes(["N", "+", "z"])


def test_unknown_convention_is_refused():
    with pytest.raises(UsageError, match="'aha'.*de_chazal, bxb"):
        aami_classes(["N"], "aha")
