"""The report: what its pages say, what they refuse, and that it is whole or not written at all."""

import json
import os
import re

import nbformat
import pytest
from html_pages import leftovers, parse, rows, words
from made_runs import ABOUT, ATTACK, ATTACKS, HOST, bundle, notebook, put, put_hostile, put_sweep, shown
from nbformat.v4 import new_code_cell

from medlib import resources
from medlib.cli import main
from medlib.errors import MedlibError, UsageError
from medlib.execution import library, notebooks, runs
from medlib.execution.report import site
from medlib.execution.report.shown import file_name


@pytest.fixture(autouse=True)
def house(monkeypatch, tmp_path):
    """A folder that stands for the repository, with one notebook and no kept figures."""
    monkeypatch.setattr(resources, "root", lambda: tmp_path / "house")
    path = tmp_path / "house" / "notebooks" / "toys" / "toy.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook("# A toy"), path)
    return path


@pytest.fixture
def root(tmp_path):
    """Folder of runs."""
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def report(root, tmp_path):
    """Write the report; its pages by name, parsed."""

    def write(**options):
        faults = site.write(root, tmp_path / "report", **options)
        assert faults == []
        found = sorted((tmp_path / "report").rglob("*.html"))
        names = [path.relative_to(tmp_path / "report").as_posix() for path in found]
        return {name: parse(path.read_text()) for name, path in zip(names, found, strict=True)}

    return write


def only(found, beginning):
    """The one page whose address begins so."""
    (page,) = (page for name, page in found.items() if name.startswith(beginning))
    return page


def test_index_groups_notebooks_and_counts_runs(root, report):
    put(root, key="a" * 16, results=bundle(0.5))
    put(root, key="b" * 16, name=f"{'b' * 16}-failed", status="failed")
    put(root, key="c" * 16, name=f".{'c' * 16}", status="running")
    put(root, "mine", node=notebook("# Mine", about=None))
    index = report()["index.html"]
    assert words(index.h1) == "Runs"
    assert "4 runs of 2 notebooks: 2 done 1 failed 1 killed" in words(index)
    assert [words(heading) for heading in index.find_all(["h2", "h3", "h4"])] == [
        "toys", "play", "A toy", "Other notebooks", "mine",
    ]  # fmt: skip
    assert "toys/toy 1 done 1 failed 1 killed" in words(index.article)


def test_headline_is_the_first_metric_of_the_latest_finished_run_of_each_profile(root, report):
    published = {"value": 0.76, "source": "Somebody 2004", "protocol": "by patient"}
    latest = bundle(0.8, interval=(0.7, 0.85), unit="mm", baseline=0.25, reference=published)
    latest.add("second", 0.1)
    put(root, key="a" * 16, results=latest, started="2026-01-03T00:00:00+02:00")
    put(root, key="b" * 16, results=bundle(0.9), started="2026-01-02T21:59:59+00:00")
    put(root, key="c" * 16, results=bundle(0.1), status="failed", started="2027-01-01T00:00:00+00:00")
    put(root, key="d" * 16, results=bundle(0.4), profile="large")
    header, *lines = rows(report()["index.html"].table)
    assert header == ["profile", "metric", "value", "interval", "baseline", "published", "data"]
    assert lines == [
        ["large run of 2026-01-02 03:04", "score higher is better", "0.400", "", "", "", "simulated"],
        ["smoke run of 2026-01-02 22:00", "score higher is better", "0.800 mm", "0.700 to 0.850", "0.250",
         "0.760 (Somebody 2004; by patient)", "simulated"],
    ]  # fmt: skip


def test_kept_figures_stand_beside_the_run_and_say_when_they_are_stale(root, report, house):
    notebook = notebooks.read(house)
    code, used = notebooks.digest(notebooks.code_cells(notebook)), library.digest(notebook)
    put(root, results=bundle(0.9))
    for profile, value, digest in (("real", 0.7, "changed"), ("smoke", 0.8, code)):
        kept = house.parents[2] / "data" / "results" / profile / "toys" / "toy.json"
        kept.parent.mkdir(parents=True)
        kept.write_text(json.dumps({
            "results": bundle(value).to_dict(), "record": {"code": digest, "library": used},
        }))  # fmt: skip
    _, *lines = rows(report()["index.html"].table)
    assert [(line[0], line[2]) for line in lines] == [
        ("real claimed stale", "0.700"), ("smoke claimed", "0.800"), ("smoke run of 2026-01-02 03:04", "0.900"),
    ]  # fmt: skip


def test_damaged_kept_figures_are_a_fault(root, tmp_path, house):
    put(root)
    kept = house.parents[2] / "data" / "results" / "real" / "toys" / "toy.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{")
    (fault,) = site.write(root, tmp_path / "report")
    assert "toy.json is damaged" in fault
    assert "1 could not be read" in (tmp_path / "report" / "index.html").read_text()


def test_page_of_a_run_says_what_it_was_made_with(root, report):
    cell = new_code_cell("rate: float = 0.5  # of learning, per step", metadata={"tags": ["parameters"]})
    put(root, results=bundle(0.5), parameters={"rate": 0.25, "name": None}, node=notebook("# The toy's text", cell))
    page = only(report(), "runs/")
    facts = dict(zip(map(words, page.find_all("dt")), map(words, page.find_all("dd")), strict=True))
    assert facts["status"] == "done" and facts["time"] == "0:01:01" and facts["memory"] == "1.5 GB"
    assert facts["started"] == "2026-01-02 03:04 UTC" and facts["data"] == "simulated"
    assert facts["commit"] == "c0ffee , with changes that were not committed"
    tables = {words(table.caption): rows(table)[1:] for table in page.find_all("table")}
    assert tables["Data: simulated (toy 1)"] == [["score", "0.500", "higher"]]
    assert tables["Parameters of this run"] == [["rate", "0.25", "of learning, per step"], ["name", "null", ""]]
    assert tables["Versions"] == [["torch", "2.13.0"]]
    assert tables["Data"] == [["toy", "1", "true", "0" * 64]]
    assert words(page.article.h2).startswith("The toy's text")


def test_page_of_a_failure_shows_the_error_its_cell_and_the_traceback(root, report):
    cell = new_code_cell("fail()", execution_count=2)
    folder = put(
        root, status="failed", error={"name": "ValueError", "message": "no <beats>", "cell": 2}, node=notebook(cell)
    )
    (folder / "traceback.txt").write_text("\x1b[0;31mValueError\x1b[0m: no <beats>")
    page = only(report(), "runs/")
    failure = page.find(class_="failure")
    assert "ValueError in code cell 2 : no <beats>" in words(failure)
    assert failure.pre.get_text() == "ValueError: no <beats>"
    assert page.find(id=failure.a["href"].removeprefix("#")) is not None
    assert "executed in part" in words(page)


def test_executed_notebook_can_be_downloaded_as_it_was_shown(root, report, tmp_path):
    folder = put(root, node=notebook("# Text", shown(text="an output")))
    page = only(report(), "runs/")
    (link,) = page.find_all("a", download=True)
    assert nbformat.read(tmp_path / "report" / "runs" / link["href"], 4) == nbformat.read(folder / "notebook.ipynb", 4)


def test_markup_of_a_run_is_text_in_every_page(root, report):
    put_hostile(root)
    found = report()
    assert len(found) == 6  # the index, two notebooks, three runs
    for page in found.values():
        policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
        assert "default-src 'none'; script-src 'none'" in policy
        page.find("meta", attrs={"http-equiv": "Content-Security-Policy"}).decompose()
        assert [(element.name, element.get("content")) for element in page.head.find_all("meta")] == [
            ("meta", None), ("meta", "width=device-width, initial-scale=1"), ("meta", "no-referrer"),
        ]  # fmt: skip
        assert len(page.find_all("h1")) == len(page.find_all("main")) == len(page.find_all("style")) == 1
        assert leftovers("".join(map(str, page.main.contents))) in ([], ["h1"])
        assert HOST not in "".join(element.get("src", "") for element in page.find_all("img"))


def test_trusted_outputs_are_shown_as_they_are(root, report):
    put(root, node=notebook(shown(html=ATTACKS[0]), shown(javascript=ATTACK)))
    put(root, "quiet", node=notebook(shown(html="<p style='color: red'>Text</p>")))
    found = report(trust=True)
    page = only(found, "runs/toys")
    assert ATTACK in str(page.article) and "--trust" in words(page) and "require" in str(page.article)
    assert page.find("meta", attrs={"http-equiv": True}) is None
    assert "https:" not in str(only(found, "runs/quiet"))
    assert found["index.html"].find("meta", attrs={"http-equiv": True}) is not None


def test_damaged_runs_are_lines_and_the_rest_is_written(root, tmp_path):
    put(root, key="good", results=bundle(0.5))
    for number, field in enumerate([
        {"started": "yesterday"}, {"started": "0001-01-01T00:00:00+14:00"}, {"seconds": "long"}, {"seconds": 1e300},
        {"data": 3}, {"versions": {"torch": {}}}, {"peak_memory_bytes": -1}, {"error": "lost"}, {"profile": None},
    ]):  # fmt: skip
        put(root, key=f"bad{number}", **field)
    (root / "worse").mkdir()
    (root / "worse" / "record.json").write_text("{")
    (put(root, key="cut", results=bundle(0.5)) / "notebook.ipynb").write_text("{")
    faults = site.write(root, tmp_path / "report")
    assert len(faults) == 11 and all(str(root) in fault for fault in faults)
    assert sum("cannot be shown" in fault for fault in faults) == 1
    assert "2 runs of 1 notebook:" in words(parse((tmp_path / "report" / "index.html").read_text()))


def test_unfinished_run_without_a_notebook_is_no_fault(root, report):
    (put(root, status="failed", name="x-failed") / "notebook.ipynb").unlink()
    assert "There is none to show" in words(only(report(), "runs/"))


def test_linked_files_are_not_published(root, tmp_path):
    secret = tmp_path / "secret"
    nbformat.write(notebook("the secret text"), secret)
    folder = put(root, status="failed")
    for name in ("notebook.ipynb", "traceback.txt"):
        (folder / name).unlink(missing_ok=True)
        os.symlink(secret, folder / name)
    site.write(root, tmp_path / "report")
    assert not any("secret text" in path.read_text() for path in (tmp_path / "report").rglob("*.*") if path.is_file())


def test_names_of_files_are_plain_and_never_meet():
    names = ["a/b", "a-b", "../../x", "a" * 500, "a" * 501, "<b>", "", "\ud800", "CON", "é"]
    made = [file_name(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{9,80}", name) for name in made)


def test_folder_that_is_no_report_is_left_alone(root, tmp_path):
    put(root)
    for path in (tmp_path / "thesis", tmp_path / "file"):
        path.mkdir() if path.name == "thesis" else path.touch()
        with pytest.raises(UsageError, match="not a report"):
            site.write(root, path)
    site.write(root, tmp_path / "report")
    with pytest.raises(UsageError, match="holds the runs"):
        site.write(tmp_path / "report" / "runs", tmp_path / "report")
    with pytest.raises(UsageError, match="no folder"):
        site.write(tmp_path / "nothing", tmp_path / "report")


def test_report_is_replaced_as_a_whole_or_not_at_all(root, tmp_path, monkeypatch):
    put(root, key="a" * 16)
    site.write(root, tmp_path / "report")
    before = sorted(path.name for path in (tmp_path / "report").rglob("*"))
    put(root, key="b" * 16)
    with monkeypatch.context() as patch:
        patch.setattr(site, "_write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(MedlibError, match="No space left on device"):
            site.write(root, tmp_path / "report")
    assert sorted(path.name for path in (tmp_path / "report").rglob("*")) == before
    site.write(root, tmp_path / "report")
    assert len(list((tmp_path / "report" / "runs").glob("*.html"))) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["house", "report", "runs"]
    assert runs.everything(tmp_path / "report") == ([], [])


def test_command_reports_faults_and_exits_1(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    put(root)

    def command(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main(["report", *arguments])
        return exit_.value.code, *capsys.readouterr()

    assert command() == (0, "report    report/index.html\n", "")
    (root / "odd\x1b[2J").mkdir()
    (root / "odd\x1b[2J" / "record.json").write_text("{")
    code, out, err = command(str(root), "--out", str(tmp_path / "other"))
    assert (code, out) == (1, "report    other/index.html\n") and "is not a run" in err and "\x1b" not in err
    assert command("--out", "runs")[0] == 2
    code, out, _ = command("--help")
    assert code == 0 and "Example: medlib report" in out


def test_empty_folder_gives_an_index(report):
    assert "There are no runs here" in words(report()["index.html"])


def test_notebook_is_listed_by_its_own_words_only_if_they_are_words(root, report):
    put(root, "one", node=notebook("# One", about=ABOUT | {"title": ["no"], "application": {"no": 1}, "task": "  "}))
    index = report()["index.html"]
    assert [words(heading) for heading in index.find_all(["h2", "h3"])] == ["Other notebooks", "one"]


def test_page_of_a_notebook_has_its_sweeps_and_runs(root, report):
    cell = new_code_cell("rate: float = 0.1  # of learning, per step", metadata={"tags": ["parameters"]})
    put_sweep(root, node=notebook("# A toy", cell))
    put(root, key="other", profile="large", parameters={"rate": 1, "seed": 0, "more": [1]})
    page = only(report(), "notebooks/")
    rate, seed = page.find_all("figure")
    assert rate.img["alt"].startswith("Dots show score of 6 runs") and rate.img["src"].startswith("data:image/svg+xml")
    assert words(rate.p) == "rate : of learning, per step" and words(seed.p) == "seed"
    assert rows(rate.table)[1] == ["0.0001", "2", "0.605", "0.5415 to 0.6685"]
    large, smoke = (rows(table) for table in page.find(id="runs").find_all("table"))
    assert large[0] == ["started (UTC)", "status", "data", "time", "memory"]
    assert smoke[0] == ["started (UTC)", "status", "score", "interval", "rate", "seed", "data", "time", "memory"]
    assert smoke[1] == ["2026-01-02 03:04 00000002", "done", "0.710", "0.500 to 0.950", "0.01", "1", "simulated",
                        "0:01:01", "1.5 GB"]  # fmt: skip
