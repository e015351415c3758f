"""Mirror, cache, download: what is found first, and what a failed download leaves behind."""

import hashlib
import os
import re

import pooch
import pytest
from toy import FILES, files_in, write_files

from medlib import datasets
from medlib.datasets import storage
from medlib.errors import DataError


def test_download(registered, cache, server, capsys):
    assert datasets.locate("toy") == cache
    assert {path: (cache / path).read_bytes() for path in FILES} == FILES
    assert files_in(cache) == set(FILES)
    assert "Licence of the toy" in capsys.readouterr().err
    assert datasets.locate("toy") == cache
    assert sorted(server.asked) == sorted(FILES)


def test_download_shows_no_bar_beside_a_terminal(registered, capsys):
    datasets.locate("toy")
    assert len(capsys.readouterr().err.splitlines()) == 2


def break_checksum(home, server, monkeypatch):
    (home / "1.dat").write_bytes(FILES["1.dat"][::-1])


def break_body(home, server, monkeypatch):
    server.truncated.add("1.dat")


def break_address(home, server, monkeypatch):
    (home / "1.dat").unlink()


def break_connection(home, server, monkeypatch):
    server.server_close()


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (break_checksum, "hash"),
        (break_body, "IncompleteRead|5 more expected"),
        (break_address, "404"),
        (break_connection, "[Cc]onnection"),
    ],
)
def test_failed_download_leaves_only_whole_files(registered, cache, home, server, monkeypatch, harm, reason):
    harm(home, server, monkeypatch)
    with pytest.raises(DataError, match=reason) as error:
        datasets.locate("toy")
    message = str(error.value)
    assert "toy" in message
    for remedy in ("MEDLIB_DATA", "medlib data fetch toy", "MEDLIB_OFFLINE"):
        assert remedy in message
    assert files_in(cache) == (set() if harm is break_connection else {"RECORDS"})


def test_rerun_fetches_only_what_is_missing(registered, cache, home, server):
    server.truncated.add("1.dat")
    with pytest.raises(DataError):
        datasets.locate("toy")
    server.truncated.clear()
    server.asked.clear()
    datasets.locate("toy")
    assert sorted(server.asked) == ["1.dat", "notes/2.hea"]
    assert files_in(cache) == set(FILES)


def test_offline_forbids_the_download(registered, cache, server, monkeypatch):
    monkeypatch.setenv("MEDLIB_OFFLINE", "1")
    with pytest.raises(DataError, match="MEDLIB_OFFLINE") as error:
        datasets.locate("toy")
    for remedy in ("set MEDLIB_DATA", "medlib data fetch toy", "unset MEDLIB_OFFLINE"):
        assert remedy in str(error.value)
    assert server.asked == []
    assert not cache.exists()


def test_offline_uses_the_cache(registered, cache, server, monkeypatch):
    monkeypatch.setenv("MEDLIB_OFFLINE", "1")
    write_files(cache)
    assert datasets.locate("toy") == datasets.fetch("toy") == cache


def test_mirror_comes_first(registered, cache, server, tmp_path, monkeypatch):
    write_files(cache)
    mirror = write_files(tmp_path / "second" / "toy")
    monkeypatch.setenv("MEDLIB_DATA", os.pathsep.join([str(tmp_path / "first"), str(tmp_path / "second")]))
    assert datasets.locate("toy") == datasets.fetch("toy") == mirror
    assert server.asked == []


def test_damaged_mirror_is_named_and_left_alone(registered, server, tmp_path, monkeypatch):
    mirror = write_files(tmp_path / "mirror" / "toy")
    (mirror / "1.dat").write_bytes(b"short")
    monkeypatch.setenv("MEDLIB_DATA", str(tmp_path / "mirror"))
    with pytest.raises(DataError, match="5 bytes, but 10240 expected") as error:
        datasets.fetch("toy")
    assert str(mirror / "1.dat") in str(error.value)
    assert "out of MEDLIB_DATA" in str(error.value)
    assert server.asked == []


def test_fetch_replaces_a_file_of_the_right_size_with_other_content(registered, cache, server):
    write_files(cache)
    (cache / "1.dat").write_bytes(FILES["1.dat"][::-1])
    assert [path for path, fault in datasets.verify("toy").items() if fault] == ["1.dat"]
    datasets.fetch("toy")
    assert server.asked == ["1.dat"]
    assert not any(datasets.verify("toy").values())


def test_verify_reports_each_file(registered, cache):
    write_files(cache)
    (cache / "RECORDS").unlink()
    (cache / "1.dat").write_bytes(b"short")
    (cache / "notes" / "2.hea").write_bytes(FILES["notes/2.hea"].upper().replace(b"2", b"3"))
    faults = datasets.verify("toy")
    assert faults["RECORDS"] == "missing"
    assert faults["1.dat"] == "5 bytes, but 10240 expected"
    assert faults["notes/2.hea"].startswith("SHA-256 is")


def test_verify_of_what_is_not_here(registered):
    with pytest.raises(DataError, match="toy is not on this machine"):
        datasets.verify("toy")


def test_user_cache_is_the_default(registered, monkeypatch):
    monkeypatch.delenv("MEDLIB_CACHE")
    place, folder = storage.find(datasets.get("toy"))
    assert place == "cache"
    assert folder.parent == pooch.os_cache("medlib")


def list_at_home(registered, home, wrong=""):
    """Leave it to the home of the data set to list its files."""
    (registered / "data" / "manifests" / "toy.txt").unlink()
    with (registered / "data" / "datasets.toml").open("a") as registry:
        registry.write('listing = "SHA256SUMS.txt"\n')
    lines = [f"{hashlib.sha256(content).hexdigest()} {path}\n" for path, content in FILES.items()]
    (home / "SHA256SUMS.txt").write_text("".join(lines) + wrong)


def test_files_that_their_home_lists(registered, cache, home, server):
    list_at_home(registered, home)
    assert datasets.get("toy").files == {}
    assert datasets.locate("toy") == cache
    assert files_in(cache) == {*FILES, "SHA256SUMS.txt"}
    assert set(datasets.get("toy").files) == set(FILES)
    assert not any(datasets.verify("toy").values())
    before = datasets.get("toy").provenance()["sha256"]
    (cache / "1.dat").write_bytes(b"damaged")
    assert datasets.verify("toy")["1.dat"].startswith("SHA-256 is")
    datasets.fetch("toy")
    assert (cache / "1.dat").read_bytes() == FILES["1.dat"]
    assert server.asked.count("SHA256SUMS.txt") == 1
    assert datasets.get("toy").provenance()["sha256"] == before


def test_listed_file_that_differs_is_not_kept(registered, cache, home):
    list_at_home(registered, home)
    (home / "1.dat").write_bytes(b"another")
    with pytest.raises(DataError, match="hash"):
        datasets.locate("toy")
    assert "1.dat" not in files_in(cache)


@pytest.mark.parametrize("line", ["<html>", "0" * 64 + " ../outside\n", "0" * 64 + " /etc/passwd\n", "0" * 63 + " a\n"])
def test_list_that_is_none(registered, home, cache, line):
    list_at_home(registered, home, wrong=line)
    with pytest.raises(DataError, match="expected 'sha256 path'|does not stay inside"):
        datasets.locate("toy")
    assert files_in(cache) == {"SHA256SUMS.txt"}


def test_file_from_another_address(registered, cache, home, server):
    (home / "elsewhere").mkdir()
    (home / "notes" / "2.hea").rename(home / "elsewhere" / "two.hea")
    address = f"http://127.0.0.1:{server.server_port}/elsewhere/two"
    with (registered / "data" / "datasets.toml").open("a") as registry:
        registry.write(f'urls = {{ "notes/2" = "{address}" }}\n')
    datasets.locate("toy")
    assert (cache / "notes" / "2.hea").read_bytes() == FILES["notes/2.hea"]
    assert "elsewhere/two.hea" in server.asked


def rewrite_manifest(registered, line, path="1.dat"):
    manifest = registered / "data" / "manifests" / "toy.txt"
    kept = [old for old in manifest.read_text().splitlines() if not old.endswith(path)]
    manifest.write_text("\n".join([*kept, f"{line} {path}"]) + "\n")


def test_file_with_md5_and_unknown_size(registered, cache, home):
    rewrite_manifest(registered, f"{hashlib.md5(FILES['1.dat']).hexdigest()} None")
    datasets.locate("toy")
    assert not any(datasets.verify("toy").values())
    (cache / "1.dat").write_bytes(b"another")
    assert datasets.verify("toy")["1.dat"].startswith("MD5 is")
    datasets.fetch("toy")
    assert (cache / "1.dat").read_bytes() == FILES["1.dat"]


def test_download_with_another_md5_is_not_kept(registered, cache):
    rewrite_manifest(registered, f"{'0' * 32} None")
    with pytest.raises(DataError, match="hash"):
        datasets.locate("toy")
    assert "1.dat" not in files_in(cache)


def test_equivalent_is_taken_where_it_is_but_not_downloaded(registered, cache, server, home):
    other = FILES["1.dat"][::-1]
    rewrite_manifest(registered, f"{hashlib.md5(FILES['1.dat']).hexdigest()} None")
    with (registered / "data" / "datasets.toml").open("a") as registry:
        registry.write(f'equivalents = {{ "1.dat" = "{hashlib.sha256(other).hexdigest()}" }}\n')
    write_files(cache)
    (cache / "1.dat").write_bytes(other)
    assert not any(datasets.verify("toy").values())
    assert datasets.fetch("toy") == cache and server.asked == []
    (cache / "1.dat").unlink()
    (home / "1.dat").write_bytes(other)
    with pytest.raises(DataError, match="hash"):
        datasets.locate("toy")


def test_data_sets_that_share_a_folder(registered, cache, server, tmp_path, monkeypatch):
    with (registered / "data" / "datasets.toml").open("a") as registry:
        registry.write('folder = "shared"\n')
    shared = tmp_path / "mirror" / "shared"
    shared.mkdir(parents=True)
    (shared / "of another set").touch()
    monkeypatch.setenv("MEDLIB_DATA", str(tmp_path / "mirror"))
    with pytest.raises(DataError, match="not on this machine.*holds shared/"):
        datasets.verify("toy")
    assert datasets.locate("toy") == cache.parent / "shared"
    write_files(shared)
    assert datasets.locate("toy") == shared


def test_set_that_nobody_serves(registered, cache, server):
    text = (registered / "data" / "datasets.toml").read_text()
    (registered / "data" / "datasets.toml").write_text(re.sub("url = .*", "", text))
    with pytest.raises(DataError, match="made from nowhere. Name a folder that holds toy/ in MEDLIB_DATA"):
        datasets.locate("toy")
    assert server.asked == []


def test_family_of_sets(registered, cache, home):
    """Members inherit what the family shares; each size is a file of its own."""
    for name in ("a.npz", "a_64.npz"):
        (home / name).write_bytes(name.encode())
    lines = [f"{hashlib.md5(name.encode()).hexdigest()} None {name}\n" for name in ("a.npz", "a_64.npz")]
    (registered / "data" / "manifests" / "family.txt").write_text("".join(lines))
    text = (registered / "data" / "datasets.toml").read_text().replace("[toy]", "[family]").replace("splits", "#")
    text += 'folder = "together"\n[family.sets.a]\ntitle = "A"\nclasses = ["x", "y"]\nsizes = [28, 64]\n'
    (registered / "data" / "datasets.toml").write_text(text)
    assert datasets.names() == ["a", "a-64"]
    assert datasets.get("a").classes == datasets.get("a-64").classes == ("x", "y")
    assert datasets.locate("a-64") == cache.parent / "together"
    assert files_in(cache.parent) == {"together/a_64.npz"}
    assert datasets.get("a-64").title == "A, 64 pixels wide"
