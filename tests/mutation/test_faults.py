"""The table of faults fits the source that it is about; `make mutation` checks that the tests catch them."""

from collections import Counter

import pytest
from check import REPOSITORY, first_tests, read_faults, seeded

FAULTS = read_faults()
LAYERS = {"cli", "execution", "plots", "training", "evaluation", "models", "ecg", "datasets", "results"}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_can_be_seeded(fault):
    text = (REPOSITORY / fault["file"]).read_text(encoding="utf-8")
    compile(seeded(fault, text), fault["file"], "exec")
    assert fault["source"] != fault["replacement"] and fault["breaks"].endswith(".")
    assert all((REPOSITORY / test).exists() for test in first_tests(fault))


def test_every_layer_has_faults():
    layers = Counter(fault["file"].split("/")[1].removesuffix(".py") for fault in FAULTS.values())
    assert set(layers) >= LAYERS and layers.total() >= 24
