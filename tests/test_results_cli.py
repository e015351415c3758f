"""``medlib results``: what it prints and where, of runs that went well, badly, or come from somebody else."""

import csv
import io
import json

import pytest

from medlib.cli import main

SOURCE = {"name": "toy", "version": "1", "sha256": "0" * 64, "simulated": True}


@pytest.fixture
def medlib(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder; exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_:
            main(list(arguments))
        return exit_.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def write(tmp_path):
    """Write a run folder."""

    def write(key, parameters=(), metrics=(), *, id="toy", data="simulated", **record):
        folder = tmp_path / "runs" / id / key
        folder.mkdir(parents=True)
        known = {"id": id, "key": key, "profile": "smoke", "started": key, "status": "done", "seconds": 1.5}
        (folder / "record.json").write_text(json.dumps(known | {"parameters": dict(parameters)} | record))
        if metrics:
            figures = [{"name": name, "value": value} for name, value in dict(metrics).items()]
            sources = [SOURCE | {"simulated": data == "simulated"}]
            bundle = {"metrics": figures, "data": data, "sources": sources}
            (folder / "results.json").write_text(json.dumps(bundle))
        return folder

    return write


@pytest.fixture
def sweep(write):
    """Six runs over two rates and three seeds, one more that failed, and one of another notebook."""
    for rate in (0.1, 0.2):
        for seed in range(3):
            write(f"{rate}-{seed}", {"rate": rate, "epochs": 7, "seed": seed}, {"dice": rate + seed / 100})
    write("z-failed", {"rate": 0.2, "epochs": 7, "seed": 9}, status="failed")
    write("other", {"width": 64}, {"f1_s": 0.25}, id="ecg/other", data="real")


def test_table_shows_what_varies_and_what_came_out(sweep, medlib):
    code, out, err = medlib("results")
    assert (code, err) == (0, "")
    other, toy = out.split("toy, profile smoke")
    assert "ecg/other, profile smoke, status done, data real" in other and "f1_s" in other and "0.25" in other
    header, *lines = [line.split() for line in toy.splitlines() if line.startswith(("┃", "│"))]
    assert [name for name in header if name != "┃"] == ["key", "status", "data", "dice", "rate", "seed", "seconds"]
    assert [word for word in lines[1] if word != "│"] == ["0.1-1", "done", "simulated", "0.11", "0.1", "1", "1.5"]
    assert len(lines) == 7 and "failed" in lines[-1]


def test_groups_show_mean_interval_and_what_was_averaged_over(sweep, medlib):
    code, out, err = medlib("results", "runs/toy", "--group-by", "rate")
    assert (code, err) == (0, "Not finished, and in no mean: 1 of 7 runs.\n")
    assert "toy, profile smoke, data simulated, averaged over seed" in out
    lines = [line.strip("│ ").split() for line in out.splitlines() if line.startswith("│")]
    # 4.303 is the quantile of t for 2 degrees of freedom: 4.303 x 0.01 / sqrt(3) = 0.02484
    assert lines[0] == ["0.1", "│", "3", "│", "0.11", "(0.08516", "to", "0.1348)"] and len(lines) == 2
    assert "95 % t interval of the mean over n runs" in out


def test_group_tables_tell_apart_what_may_not_be_averaged(write, medlib):
    write("a", {"seed": 0}, {"dice": 0.2}, library="old")
    write("b", {"seed": 1}, {"dice": 0.4}, library="new")
    write("c", {"seed": 1}, {"dice": 0.6}, library="new", data="real")
    code, out, _ = medlib("results", "--group-by", "")
    assert code == 0 and "library digest" in out and "versions digest" not in out
    assert all(figure in out for figure in ("0.2", "0.4", "0.6", "real", "simulated"))


def test_metric_that_not_all_runs_have_shows_its_n(write, medlib):
    write("a", {"seed": 0}, {"dice": 0.2, "late": 0.5})
    write("b", {"seed": 1}, {"dice": 0.4})
    assert "0.5, n = 1" in medlib("results", "--group-by", "")[1]


def test_json_is_a_list_of_rows_or_groups(sweep, medlib, tmp_path):
    code, out, _ = medlib("results", "--json")
    rows = json.loads(out)
    assert code == 0 and [row["id"] for row in rows] == ["ecg/other"] + ["toy"] * 7
    assert rows[1]["parameters"] == {"rate": 0.1, "epochs": 7, "seed": 0} and rows[1]["metrics"] == {"dice": 0.1}
    assert rows[1]["folder"] == str(tmp_path / "runs" / "toy" / "0.1-0")
    code, out, err = medlib("results", "--json", "--group-by", "rate, epochs")
    groups = json.loads(out)
    assert code == 0 and "1 of 8 runs" in err
    assert [group["parameters"] for group in groups] == [{}, {"rate": 0.1, "epochs": 7}, {"rate": 0.2, "epochs": 7}]
    assert groups[1]["metrics"][0]["mean"] == pytest.approx(0.11)


def test_csv_has_one_header_for_all_notebooks(sweep, medlib):
    code, out, err = medlib("results", "--csv")
    lines = list(csv.DictReader(io.StringIO(out)))
    assert (code, err, len(lines)) == (0, "", 8)
    assert (lines[0]["parameters.width"], lines[0]["metrics.f1_s"], lines[0]["metrics.dice"]) == ("64", "0.25", "")


def test_single_run_is_a_table(sweep, medlib):
    code, out, _ = medlib("results", "runs/toy/0.1-1")
    assert code == 0 and "0.1-1" in out and "0.11" in out and "0.2-1" not in out


def test_wide_table_keeps_the_headline_and_says_what_it_left_out(write, medlib):
    for seed in (0, 1):
        varied = {f"parameter_{number}": seed for number in range(300)}
        write(f"{seed}", varied, {"dice": 0.75} | {f"metric_{number}": 0.5 for number in range(300)})
    code, out, _ = medlib("results")
    header = next(line for line in out.splitlines() if "key" in line)
    shown = [word for word in header.split() if word != "┃"]
    assert code == 0 and shown[:3] == ["key", "dice", "parameter_0"] and len(header) <= 200
    assert f"{603 - len(shown)} more columns do not fit here; --csv and --json have them all." in out
    assert "…" not in out


@pytest.mark.parametrize(("form", "printed"), [([], ""), (["--json"], "[]\n"), (["--csv"], "")])
def test_empty_folder_says_how_to_make_runs(medlib, tmp_path, form, printed):
    (tmp_path / "runs").mkdir()
    code, out, err = medlib("results", *form, "--group-by", "seed")
    assert (code, out) == (0, printed)
    assert "There are no runs in runs; make some by `medlib run NOTEBOOK --out runs`" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["elsewhere"], "There is no folder elsewhere"),
        (["--json", "--csv"], "choose one"),
        (["--group-by", "rat"], "Did you mean rate?"),
    ],
)
def test_bad_usage_exits_2(sweep, medlib, arguments, message):
    code, out, err = medlib("results", *arguments)
    assert (code, out) == (2, "") and message in err


def test_damaged_run_is_a_line_and_the_others_are_shown(sweep, medlib, tmp_path):
    damaged = tmp_path / "runs" / "toy" / "damaged\x1b[2J\nrun"
    damaged.mkdir()
    (damaged / "record.json").write_text("{")
    for form in ([], ["--json"], ["--csv"], ["--group-by", "rate"]):
        code, out, err = medlib("results", *form)
        (line,) = [line for line in err.splitlines() if "damaged" in line]
        assert code == 1 and r"damaged\x1b[2J\nrun is not a run" in line and "dice" in out and "\x1b" not in err


HOSTILE = {"[/bold]": "[red]\x1b]0;title\x07", "\ud800": "\udc80", "a,b": '"=1+1\r\n', "long": "x" * 10**6}


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"], ["--group-by", "seed"], ["--group-by", "[/bold]"]])
def test_hostile_record_does_no_harm(write, medlib, form):
    write("a", HOSTILE | {"seed": [[["deep"]]]}, {"loss": 1.7e308}, seconds={"a": []}, versions=None)
    write("b", {"seed": None}, {"loss": -1.7e308}, peak_memory_bytes="[/]")
    code, out, err = medlib("results", *form)
    assert (code, err) == (0, "") and "loss" in out
    assert form == ["--csv"] or ("\x1b" not in out and "\x07" not in out)
    assert form != [] or r"[red]\x1b]0;title\x07" in out and "[/bold]" in out


def test_thousand_runs_are_averaged(write, medlib):
    for number in range(1000):
        write(f"{number}", {"rate": number % 10, "seed": number // 10}, {"dice": number % 10 + number // 10 / 100})
    code, out, _ = medlib("results", "--group-by", "rate", "--json")
    groups = json.loads(out)
    assert code == 0 and [group["runs"] for group in groups] == [100] * 10
    assert {group["parameters"]["rate"]: round(group["metrics"][0]["mean"], 9) for group in groups} == {
        rate: rate + 0.495 for rate in range(10)
    }
