"""The results bundle: what it refuses, what it shows, and that hostile bundles are turned away."""

import json
import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medlib.errors import DataError, UsageError
from medlib.results import MIME_TYPE, Metric, Results

REAL = {"name": "mitdb", "version": "1.0.0", "sha256": "a" * 64, "simulated": False}
SAMPLE = {"name": "mitdb-sample", "version": "1", "sha256": "b" * 64, "simulated": True}
REFERENCE = {"value": 0.39, "source": "de Chazal 2004", "protocol": "DS1 to DS2"}
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture
def results():
    bundle = Results([REAL])
    bundle.add("f1_s", numpy.float32(0.5), interval=(0.25, 0.75), n=numpy.int64(22), reference=REFERENCE, baseline=0.0)
    return bundle


def test_bundle_holds_plain_json_of_every_field(results):
    assert json.loads(json.dumps(results.to_dict())) == {
        "metrics": [
            {
                "name": "f1_s",
                "value": 0.5,
                "low": 0.25,
                "high": 0.75,
                "unit": "",
                "n": 22,
                "direction": "higher",
                "reference": REFERENCE,
                "tolerance": None,
                "baseline": 0.0,
            }
        ],
        "data": "real",
        "sources": [REAL],
    }


def test_one_simulated_source_makes_the_bundle_simulated():
    assert Results([REAL, SAMPLE]).data == "simulated"


def test_text_is_an_aligned_table(results):
    results.add("error", 1234.5678, unit="mm", direction="lower")
    header, first, second, data = repr(results).splitlines()
    assert header.index("unit") == second.index("mm")
    assert first.split()[:2] == ["f1_s", "0.500"]
    assert second.split()[:2] == ["error", "1,235"]
    assert "0.390 (de Chazal 2004; DS1 to DS2)" in first
    assert data == "Data: real (mitdb 1.0.0)"


def test_html_is_escaped():
    bundle = Results([REAL | {"name": "<script>alert(1)</script>"}])
    bundle.add("f1_s", 0.5, unit="<b>", reference=REFERENCE | {"source": "<img src=x onerror=alert(1)>"})
    html = bundle._repr_mimebundle_()["text/html"]
    assert "<script>" not in html and "<b>" not in html and "<img" not in html
    assert "&lt;script&gt;" in html


def test_display_carries_three_types(results):
    shown = results._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html", MIME_TYPE}
    assert shown[MIME_TYPE] == results.to_dict()


def test_bundle_without_metrics_can_be_shown():
    assert "Data: real" in Results([REAL])._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize("name", ["F1", "f1 s", "f1__s", "_f1", "1f", "f1_", "", "x" * 65, None, 3])
def test_names_are_snake_case(name):
    with pytest.raises(UsageError, match="snake case"):
        Results([REAL]).add(name, 0.5)


@pytest.mark.parametrize("value", [math.nan, math.inf, numpy.float64("nan"), 10**400])
def test_value_that_is_not_finite_is_refused_and_says_why(results, value):
    with pytest.raises(UsageError, match=r"f1_v: value is .*not finite; was anything scored \(n = 0\)"):
        results.add("f1_v", value)


@pytest.mark.parametrize("value", ["0.5", None, True, numpy.zeros(2), [0.5]])
def test_value_that_is_not_a_number_is_refused(results, value):
    with pytest.raises(UsageError, match="not a number"):
        results.add("f1_v", value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "at least 1"),
        ({"n": 1.5}, "at least 1"),
        ({"interval": (0.9, 0.1)}, "low and a high"),
        ({"interval": (0.1, math.nan)}, "not finite"),
        ({"direction": "up"}, "higher, lower"),
        ({"unit": 3}, "text"),
        ({"reference": {"value": 0.5}}, "value, source, protocol"),
        ({"reference": REFERENCE | {"value": math.nan}}, "not finite"),
        ({"tolerance": -0.1}, "negative"),
    ],
)
def test_other_wrong_fields_are_refused(results, arguments, message):
    with pytest.raises(UsageError, match=message):
        results.add("f1_v", 0.5, **arguments)


def test_name_is_taken_once(results):
    with pytest.raises(UsageError, match="added before"):
        results.add("f1_s", 0.6)


@pytest.mark.parametrize(("tolerance", "accepted"), [(0.24, True), (0.25, False), (0.5, False)])
def test_tolerance_that_the_baseline_would_pass_is_refused(tolerance, accepted):
    arguments = {"name": "f1_s", "value": 0.5, "baseline": 0.25, "tolerance": tolerance}
    if accepted:
        assert Metric(**arguments).tolerance == tolerance
    else:
        with pytest.raises(UsageError, match="would accept the baseline"):
            Metric(**arguments)


@pytest.mark.parametrize("sources", [[], {}, [{"name": "mitdb"}], ["mitdb"], [REAL | {"simulated": 0}]])
def test_results_name_their_data(sources):
    with pytest.raises(UsageError):
        Results(sources)


@given(
    value=FINITE,
    bounds=st.none() | st.tuples(FINITE, FINITE),
    n=st.none() | st.integers(1, 2**40),
    unit=st.text(max_size=20),
)
def test_bundle_survives_json(value, bounds, n, unit):
    bundle = Results([SAMPLE])
    bundle.add("metric", value, interval=bounds and sorted(bounds), n=n, unit=unit)
    assert Results.from_dict(json.loads(json.dumps(bundle.to_dict()))).metrics == bundle.metrics


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": {}},
        {"metrics": ["f1_s"]},
        {"metrics": [{"name": "f1_s"}]},
        {"metrics": [{"name": "f1_s", "value": math.nan}]},
        {"metrics": [{"name": "f1_s", "value": 1, "surprise": 1}]},
        {"metrics": [{"name": "f1_s", "value": 1}] * 2},
        {"metrics": [{"name": "f1_s", "value": 1}] * 1001},
        {"metrics": [{"name": "f1_s", "value": 1, "unit": "x" * 501}]},
        {"metrics": [{"name": "f1_s", "value": 10**5000}]},
        {"data": "simulated"},
        {"sources": []},
        {"surprise": 1},
    ],
)
def test_hostile_bundle_is_turned_away(results, change):
    with pytest.raises(DataError, match="Not a results bundle"):
        Results.from_dict(results.to_dict() | change)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_other_json_is_turned_away(bundle):
    with pytest.raises(DataError):
        Results.from_dict(bundle)
