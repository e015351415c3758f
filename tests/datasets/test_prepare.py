"""Sets that are made from others: found, made, compared, kept; and the two real ones from made-up sources."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import toy
import toy_prepare
import typer.testing
from PIL import Image

from medlib import datasets
from medlib.cli import data
from medlib.datasets import decoded, prepare_covid_ct, prepare_luna16_patches, registry
from medlib.errors import DataError

MADE = {"images/1.png", "names.txt", "copied.txt"}


@pytest.fixture
def made(registered, cache, tmp_path):
    """The data set ``made`` in the registry, and its folder in the cache."""
    reference = tmp_path / "reference"
    reference.mkdir()
    toy_prepare.prepare(toy.write_files(tmp_path / "toy"), toy.FILES, reference)
    (registered / "data" / "manifests" / "made.txt").write_text(registry.manifest(reference))
    entry = (
        '\n[made]\ntitle = "Made"\nhome = "nowhere"\nversion = "1"\nlicence = "free"\ncitation = "none"\n'
        'source = "toy"\nprepare = "toy_prepare"\n'
    )
    with (registered / "data" / "datasets.toml").open("a") as stream:
        stream.write(entry)
        stream.flush()
        stream.write(f'decoded = "{decoded.digest(datasets.get("made"), reference)}"\n')
    return cache.parent / "made"


def test_source_is_downloaded_and_the_set_made(made, cache, server, capsys):
    assert datasets.locate("made") == made
    assert toy.files_in(made) == MADE
    assert (made / "names.txt").read_text() == "1.dat RECORDS notes/2.hea"
    assert np.asarray(Image.open(made / "images" / "1.png")).tobytes() == toy.FILES["1.dat"]
    assert not any(datasets.verify("made").values())
    printed = capsys.readouterr().err
    assert "Licence of the toy" in printed and "making made from toy" in printed
    assert {path.name for path in cache.parent.iterdir()} == {"toy", "made"}
    assert datasets.locate("made") == datasets.fetch("made") == made
    assert sorted(server.asked) == sorted(toy.FILES)


def test_command_makes_it(made):
    runner = typer.testing.CliRunner()
    assert runner.invoke(data.app, ["fetch", "made"]).exit_code == 0
    assert runner.invoke(data.app, ["where", "made"]).stdout.strip() == str(made)
    assert "made: 3 of 3 files are right" in runner.invoke(data.app, ["verify"]).stdout
    rows = json.loads(runner.invoke(data.app, ["list", "--json"]).stdout)
    assert {row["name"]: row["place"] for row in rows} == {"made": "cache", "toy": "cache"}


def test_mirror_of_the_source_is_used_offline(made, server, tmp_path, monkeypatch):
    toy.write_files(tmp_path / "mirror" / "toy")
    monkeypatch.setenv("MEDLIB_DATA", str(tmp_path / "mirror"))
    monkeypatch.setenv("MEDLIB_OFFLINE", "1")
    assert datasets.locate("made") == made
    assert server.asked == [] and not (made.parent / "toy").exists()


def test_mirror_of_the_set_itself_comes_first(made, server, tmp_path, monkeypatch):
    (tmp_path / "reference").rename(tmp_path / "mirrored")
    (tmp_path / "mirror").mkdir()
    mirror = (tmp_path / "mirrored").rename(tmp_path / "mirror" / "made")
    monkeypatch.setenv("MEDLIB_DATA", str(tmp_path / "mirror"))
    assert datasets.locate("made") == datasets.fetch("made") == mirror
    assert server.asked == []


def test_offline_without_either(made, server, monkeypatch):
    monkeypatch.setenv("MEDLIB_OFFLINE", "1")
    with pytest.raises(DataError, match="made is made from toy.*MEDLIB_OFFLINE forbids.*holds made/ does as well"):
        datasets.locate("made")
    assert server.asked == [] and not made.parent.exists()


def test_download_that_breaks_goes_on_where_it_was(made, cache, server):
    server.truncated.add("1.dat")
    with pytest.raises(DataError, match="could not download"):
        datasets.locate("made")
    assert toy.files_in(cache.parent) == {"toy/RECORDS"}
    server.truncated.clear()
    server.asked.clear()
    datasets.locate("made")
    assert sorted(server.asked) == ["1.dat", "notes/2.hea"]


def test_what_is_lost_or_damaged_is_made_again(made, server):
    datasets.locate("made")
    (made / "names.txt").unlink()
    (made / "copied.txt").write_bytes(b"2\n1\n")
    assert datasets.verify("made")["copied.txt"].startswith("SHA-256 is")
    server.asked.clear()
    assert datasets.locate("made") == made
    assert not any(datasets.verify("made").values()) and server.asked == []


def test_other_compression_is_as_good(made):
    datasets.locate("made")
    (made / "images" / "1.png").unlink()
    other = made.parent / "other"
    other.mkdir()
    toy_prepare.prepare(made.parent / "toy", toy.FILES, other, compress_level=0)
    (other / "images" / "1.png").replace(made / "images" / "1.png")
    before = (made / "images" / "1.png").read_bytes()
    assert len(before) != datasets.get("made").files["images/1.png"].size
    assert datasets.locate("made") == datasets.fetch("made") == made
    assert not any(datasets.verify("made").values())
    assert (made / "images" / "1.png").read_bytes() == before


@pytest.mark.parametrize("harm", ["other pixel", "no image"])
def test_other_content_is_not(made, harm):
    datasets.locate("made")
    pixels = np.frombuffer(toy.FILES["1.dat"], np.uint8).reshape(64, 160).copy()
    pixels[3, 4] += 1
    Image.fromarray(pixels).save(made / "images" / "1.png")
    if harm == "no image":
        (made / "images" / "1.png").write_bytes(b"\x89PNG")
    assert "images/1.png" in {path for path, fault in datasets.verify("made").items() if fault}
    datasets.locate("made")
    datasets.fetch("made")
    assert not any(datasets.verify("made").values())


def test_result_that_differs_is_refused(made, tmp_path, monkeypatch):
    """A mirror's files are not hashed before they are used, so a damaged one is found by what is made of it."""
    mirror = toy.write_files(tmp_path / "mirror" / "toy")
    (mirror / "1.dat").write_bytes(toy.FILES["1.dat"][::-1])
    monkeypatch.setenv("MEDLIB_DATA", str(tmp_path / "mirror"))
    with pytest.raises(DataError, match="could not be made from .*images/1.png: .*expected.*data verify toy"):
        datasets.locate("made")
    assert not any(made.parent.iterdir())


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyError("a/b"), ValueError("odd")])
def test_making_that_fails_leaves_nothing(made, monkeypatch, error):
    def prepare(source, paths, folder):
        (folder / "half").write_bytes(b"1")
        raise error

    monkeypatch.setattr(toy_prepare, "prepare", prepare)
    with pytest.raises(DataError, match="made could not be made from .*medlib data verify toy"):
        datasets.locate("made")
    assert toy.files_in(made.parent) == {f"toy/{path}" for path in toy.FILES}
    assert [path.name for path in made.parent.iterdir()] == ["toy"]


def test_name_with_a_percent_sign_is_asked_for_as_it_is(registered, cache, home, server):
    (home / "1.dat").rename(home / "p6-52%10 a.dat")
    manifest = registered / "data" / "manifests" / "toy.txt"
    manifest.write_text(manifest.read_text().replace(" 1.dat", " p6-52%10 a.dat"))
    datasets.locate("toy")
    assert "p6-52%2510%20a.dat" in server.asked
    assert (cache / "p6-52%10 a.dat").read_bytes() == toy.FILES["1.dat"]


@pytest.mark.parametrize("name", ["covid-ct", "luna16-patches", "lung-slices"])
def test_entries_of_sets_that_are_made(name):
    dataset = datasets.get(name)
    source = datasets.get(dataset.source)
    assert dataset.licence == source.licence and dataset.home == source.home
    commit = source.version.split(" ")[1]
    assert f"/{commit}" in source.url
    assert source.url.startswith("https://raw.githubusercontent.com/")


def patch(value):
    return Image.new("L", (50, 50), value)


def write_patches(source):
    """Two candidates of each split that the numbers give, scattered over the source's own, and one not to be taken."""
    labels = {7: 1, 379_999: 0, 380_000: 1, 439_999: 0, 440_000: 0, 551_000: 1, 9: 1}
    paths = []
    for place, (number, label) in enumerate(labels.items()):
        split = ("train", "val", "test")[place % 3]
        path = f"{split}/image_{number}.jpg"
        (source / split).mkdir(exist_ok=True)
        patch(30 * place).save(source / path)
        with (source / f"{split}datalabels.txt").open("a") as stream:
            stream.write(f"{path} {label}\n")
        paths.append(path)
    return [*paths[5::-1], "traindatalabels.txt", "valdatalabels.txt", "testdatalabels.txt"]


def test_luna16_patches(tmp_path):
    prepare_luna16_patches.prepare(tmp_path, write_patches(tmp_path), tmp_path)
    with np.load(tmp_path / "luna16_patches.npz") as made:
        arrays = dict(made)
    assert list(arrays)[:3] == ["train_images", "train_labels", "train_candidate_index"]
    for part, numbers, labels, values in (
        ("train", [7, 379_999], [1, 0], [0, 30]),
        ("val", [380_000, 439_999], [1, 0], [60, 90]),
        ("test", [440_000, 551_000], [0, 1], [120, 150]),
    ):
        assert arrays[f"{part}_candidate_index"].tolist() == numbers
        assert arrays[f"{part}_labels"].tolist() == [[label] for label in labels]
        assert arrays[f"{part}_images"].tolist() == [np.full((50, 50), value).tolist() for value in values]
        assert arrays[f"{part}_images"].dtype == arrays[f"{part}_labels"].dtype == np.uint8


def test_luna16_patch_of_another_size(tmp_path):
    paths = write_patches(tmp_path)
    Image.new("L", (47, 50)).save(tmp_path / paths[0])
    with pytest.raises(ValueError, match="same shape"):
        prepare_luna16_patches.prepare(tmp_path, paths, tmp_path)


def test_luna16_patch_without_a_label(tmp_path):
    paths = write_patches(tmp_path)
    (tmp_path / "testdatalabels.txt").write_text("")
    with pytest.raises(KeyError, match="test/image_"):
        prepare_luna16_patches.prepare(tmp_path, paths, tmp_path)


def write_slices(source):
    """A slice of each class in each split: PNG with alpha, colour JPEG, grey; large, middling and small."""
    paths = []
    for class_name in ("COVID", "NonCOVID"):
        (source / "Images" / f"CT_{class_name}").mkdir(parents=True)
        (source / "Data-split" / class_name).mkdir(parents=True)
        images = {
            ("train", "z%10.png"): Image.new("RGBA", (725, 551), (10, 10, 10, 255)),
            ("val", "b.jpg"): Image.new("RGB", (100, 200), (50, 50, 50)),
            ("test", "a.png"): Image.new("L", (60, 40), 70),
        }
        for (split, name), image in images.items():
            image.save(source / "Images" / f"CT_{class_name}" / name)
            (source / "Data-split" / class_name / f"{split}CT_{class_name}.txt").write_text(f"{name}\n")
            paths.append(f"Images/CT_{class_name}/{name}")
    return paths


def test_covid_ct(tmp_path):
    (tmp_path / "made").mkdir()
    prepare_covid_ct.prepare(tmp_path, write_slices(tmp_path), tmp_path / "made")
    with (tmp_path / "made" / "index.csv").open(newline="") as stream:
        rows = [list(row.values()) for row in csv.DictReader(stream)]
    assert rows[:3] == [
        ["covid_000.png", "train", "1", "COVID", "725", "551", "256", "195", "z%10.png"],
        ["covid_001.png", "val", "1", "COVID", "100", "200", "100", "200", "b.jpg"],
        ["covid_002.png", "test", "1", "COVID", "60", "40", "60", "40", "a.png"],
    ]
    assert [row[0] for row in rows[3:]] == [f"noncovid_{number:03d}.png" for number in range(3)]
    # In two steps: 725 x 551 becomes 256 x 195, and that 176 x 134.
    for row, size, value in zip(rows, 2 * [(176, 134), (88, 176), (60, 40)], 2 * [10, 50, 70], strict=True):
        with Image.open(tmp_path / "made" / "images" / row[0]) as image:
            assert (image.mode, image.size, image.getextrema()) == ("L", size, (value, value))
    lists = {path.name: path.read_text() for path in (tmp_path / "made" / "official_split").iterdir()}
    assert len(lists) == 6 and lists["valCT_NonCOVID.txt"] == "b.jpg\n"


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "unlisted.png"])
def test_covid_ct_reads_no_file_that_the_registry_does_not_list(tmp_path, name):
    paths = write_slices(tmp_path)
    (tmp_path / "Data-split" / "COVID" / "testCT_COVID.txt").write_text(f"{name}\n")
    (tmp_path / "made").mkdir()
    with pytest.raises(KeyError, match=name):
        prepare_covid_ct.prepare(tmp_path, paths, tmp_path / "made")


def test_digest_follows_every_part(tmp_path):
    """A path, a shape, a type or a value that differs makes another digest."""
    arrays = {f"{part}_{kind}": np.zeros((2, 4, 6) if kind == "images" else (2, 1), np.uint8)
              for part in ("train", "val", "test") for kind in ("images", "labels")}  # fmt: skip
    entry = dataclasses.replace(datasets.get("luna16-sample"), files=dict.fromkeys(["a.npz"]))

    def digest(save=np.savez, **changed):
        save(tmp_path / "a.npz", **arrays | changed)
        return decoded.digest(entry, tmp_path)

    same = digest()
    assert digest(np.savez_compressed) == same
    one = np.ones((2, 1), np.uint8)
    turned = {f"{part}_images": np.zeros((2, 6, 4), np.uint8) for part in ("train", "val", "test")}
    others = [
        digest(val_labels=one),
        digest(test_labels=one),
        digest(**turned),
        digest(train_candidate_index=one[:, 0]),
    ]
    assert len({same, *others}) == 5
