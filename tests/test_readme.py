"""The figures in the README are those of the kept runs."""

import json
import re

from medlib import resources
from medlib.results import Results

ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<value>[\d.]+) \| (?P<interval>[^|]*) \|", re.MULTILINE)


def test_results_in_the_readme_are_those_kept():
    kept = json.loads((resources.root() / "data" / "results" / "real" / "ecg" / "arrhythmia_1dcnn.json").read_text())
    metrics = {metric.name: metric for metric in Results.from_dict(kept["results"]).metrics}
    rows = list(ROW.finditer((resources.root() / "README.md").read_text()))
    assert len(rows) >= 5
    for row in rows:
        metric = metrics[row["name"]]
        assert row["value"] == f"{metric.value:.3f}", row["name"]
        if metric.low is not None:
            assert row["interval"].strip() == f"{metric.low:.2f} to {metric.high:.2f}", row["name"]
