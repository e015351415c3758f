"""The README names every notebook, and its figures are those of the kept runs."""

import json
import re

import pytest

from medlib import resources
from medlib.execution import notebooks
from medlib.results import Results

TEXT = (resources.root() / "README.md").read_text(encoding="utf-8")
SECTION = re.compile(
    r"^`(?P<id>\w+/\w+)`, profile `(?P<profile>\w+)`:(?P<body>.*?)(?=^`\w+/\w+`, profile|^Every figure)", re.M | re.S
)
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<value>-?[\d.,]+) \| (?P<interval>[^|]*) \|", re.MULTILINE)
SECTIONS = {match["id"]: match for match in SECTION.finditer(TEXT)}
KEPT = sorted(
    path.relative_to(resources.root() / "data" / "results" / "real").with_suffix("").as_posix()
    for path in (resources.root() / "data" / "results" / "real").rglob("*.json")
)


@pytest.mark.parametrize("notebook", notebooks.everything(), ids=lambda notebook: notebook.id)
def test_notebook_is_in_the_table(notebook):
    assert f"[`{notebook.id}`](notebooks/{notebook.id}.ipynb)" in TEXT


def test_every_kept_run_has_its_section():
    assert sorted(SECTIONS) == KEPT


@pytest.mark.parametrize("name", KEPT)
def test_results_in_the_readme_are_those_kept(name):
    section = SECTIONS[name]
    path = resources.root() / "data" / "results" / section["profile"] / f"{name}.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    metrics = {metric.name: metric for metric in Results.from_dict(kept["results"]).metrics}
    rows = list(ROW.finditer(section["body"]))
    assert len(rows) >= 3
    for row in rows:
        metric = metrics[row["name"]]
        digits = len(row["value"].partition(".")[2])
        assert row["value"] == f"{metric.value:.{digits}f}", row["name"]
        if metric.low is not None and row["interval"].strip():
            digits = len(row["interval"].split(" to ")[0].partition(".")[2])
            assert row["interval"].strip() == f"{metric.low:.{digits}f} to {metric.high:.{digits}f}", row["name"]
