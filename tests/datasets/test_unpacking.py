"""A set that comes in one archive: downloaded, compared, unpacked, listed; archives that are hostile or cut off."""

import hashlib
import io
import tarfile

import pytest
import toy

from medlib import datasets
from medlib.datasets import storage
from medlib.datasets.unpacking import unpack_tar
from medlib.errors import DataError

FILES = {"dataset.json": b"{}", "imagesTr/spleen_2.nii.gz": bytes(range(200)), "labelsTr/spleen_2.nii.gz": b"\0" * 900}


def write_tar(path, files, mode="w", top="Task"):
    """Files below a folder, with what macOS adds, as in the archives of the Decathlon."""
    with tarfile.open(path, mode) as archive:
        add(archive, "./._Task", b"mac")
        archive.addfile(member(top, type=tarfile.DIRTYPE))
        for name, content in files.items():
            add(archive, f"{top}/{name}", content)
        add(archive, f"{top}/imagesTr/._spleen_2.nii.gz", b"mac")
    return path


def member(name, **fields):
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def add(archive, name, content=b"content", **fields):
    archive.addfile(member(name, size=len(content), **fields), io.BytesIO(content))


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "around" / "unpacked"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def spleen(registered, cache, home):
    """The data set ``spleen``, made from ``archive``, which is served; gives the folder in which it is to appear."""
    archive = write_tar(home / "Task.tar", FILES)
    (registered / "data" / "manifests" / "archive.txt").write_text(
        f"{hashlib.md5(archive.read_bytes()).hexdigest()} None Task.tar\n"
    )
    with (registered / "data" / "datasets.toml").open("a") as registry:
        toy_entry = datasets.get("toy")
        for name, own in {
            "archive": f'url = "{toy_entry.url}"',
            "spleen": 'source = "archive"\nprepare = "medlib.datasets.prepare_decathlon"\nlisting = "SHA256SUMS.txt"',
        }.items():
            shared = 'title = "T"\nhome = "nowhere"\nversion = "1"\nlicence = "free"\ncitation = "none"'
            registry.write(f"\n[{name}]\n{shared}\n{own}\n")
    return cache.parent / "spleen"


def test_archive_is_downloaded_and_unpacked(spleen, server, capsys):
    assert datasets.locate("spleen") == spleen
    assert {path: (spleen / path).read_bytes() for path in FILES} == FILES
    assert toy.files_in(spleen) == {*FILES, "SHA256SUMS.txt"}
    assert set(datasets.get("spleen").files) == set(FILES)
    assert not any(datasets.verify("spleen").values())
    printed = capsys.readouterr().err
    assert "making spleen from archive" in printed and "MB" not in printed
    assert sorted(path.name for path in spleen.parent.iterdir()) == ["archive", "spleen"]
    assert datasets.locate("spleen") == datasets.fetch("spleen") == spleen
    assert server.asked == ["Task.tar"]


def test_archive_may_be_deleted(spleen, server, monkeypatch):
    datasets.locate("spleen")
    (spleen.parent / "archive" / "Task.tar").unlink()
    monkeypatch.setenv("MEDLIB_OFFLINE", "1")
    assert datasets.locate("spleen") == datasets.fetch("spleen") == spleen
    (spleen / "dataset.json").unlink()
    with pytest.raises(DataError, match="made from archive.*MEDLIB_OFFLINE forbids"):
        datasets.locate("spleen")


@pytest.mark.parametrize("harm", ["missing", "another size", "another content", "no list"])
def test_damaged_set_is_unpacked_again_from_the_archive_that_is_there(spleen, server, harm):
    datasets.locate("spleen")
    before = datasets.get("spleen").provenance()
    damaged = spleen / ("SHA256SUMS.txt" if harm == "no list" else "imagesTr/spleen_2.nii.gz")
    content = damaged.read_bytes()
    damaged.unlink()
    if "another" in harm:
        damaged.write_bytes(content[::-1] if harm == "another content" else b"short")
    assert harm == "no list" or any(datasets.verify("spleen").values())
    datasets.fetch("spleen")
    assert damaged.read_bytes() == content
    assert datasets.get("spleen").provenance() == before and before["sha256"]
    assert server.asked == ["Task.tar"]


def test_archive_with_another_checksum_is_not_kept(spleen, home):
    write_tar(home / "Task.tar", FILES | {"dataset.json": b"[]"})
    with pytest.raises(DataError, match="spleen is made from archive.*hash"):
        datasets.locate("spleen")
    assert not toy.files_in(spleen.parent)


def test_archive_of_a_mirror_is_compared_before_it_is_unpacked(spleen, tmp_path, monkeypatch, server):
    mirror = tmp_path / "mirror" / "archive"
    mirror.mkdir(parents=True)
    right = write_tar(mirror / "Task.tar", FILES).read_bytes()
    write_tar(mirror / "Task.tar", FILES | {"dataset.json": b"[]"})
    monkeypatch.setenv("MEDLIB_DATA", str(tmp_path / "mirror"))
    with pytest.raises(DataError, match=r"spleen could not be made from .*Task.tar: MD5 is .*data verify archive`\."):
        datasets.locate("spleen")
    assert not toy.files_in(spleen.parent)
    (mirror / "Task.tar").write_bytes(right)
    assert datasets.locate("spleen") == spleen and server.asked == []


def test_set_of_a_mirror_needs_its_list(spleen, tmp_path, monkeypatch, server):
    datasets.locate("spleen")
    mirror = spleen.rename(tmp_path / "spleen")
    monkeypatch.setenv("MEDLIB_DATA", str(tmp_path))
    assert datasets.locate("spleen") == mirror
    (mirror / "dataset.json").write_bytes(b"short")
    assert datasets.verify("spleen")["dataset.json"].startswith("SHA-256 is")
    (mirror / "SHA256SUMS.txt").unlink()
    assert storage.find(datasets.get("spleen"))[0] == "cache"


def test_interrupted_unpacking_leaves_nothing(spleen, monkeypatch):
    def run_out_of_space(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extract", run_out_of_space)
    with pytest.raises(DataError, match="No space left"):
        datasets.locate("spleen")
    assert [path.name for path in spleen.parent.iterdir()] == ["archive"]


def test_bar_shows_a_download_of_unknown_size(spleen, monkeypatch):
    updates = []
    monkeypatch.setattr(storage.FileBar, "update", lambda bar, size: updates.append((bar.total, size)))
    datasets.locate("spleen")
    # A chunk as pooch counts it, then all of it.
    assert updates == [(10240, 2**16), (10240, 10240)]


@pytest.mark.parametrize("top", ["Task", "./Task"])
def test_unpacked_files(tmp_path, empty, top):
    path = write_tar(tmp_path / "a.tar", FILES, top=top)
    assert unpack_tar(path, empty, top="Task") == sorted(FILES)
    assert {name: (empty / name).read_bytes() for name in toy.files_in(empty)} == FILES


HOSTILE = {
    "upwards": member("Task/../../escaped"),
    "upwards from elsewhere": member("../escaped"),
    "absolute": member("/tmp/escaped"),
    "another folder": member("Other/escaped"),
    "beside the folder": member("escaped"),
    "the folder as a file": member("Task"),
    "a drive": member("Task/C:/escaped"),
    "another separator": member("Task/..\\..\\escaped"),
    "a line of a list": member("Task/a\n" + "0" * 64 + " escaped"),
    "symbolic link": member("Task/link", type=tarfile.SYMTYPE, linkname="../.."),
    "hard link": member("Task/link", type=tarfile.LNKTYPE, linkname="Task/dataset.json"),
    "device": member("Task/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "pipe": member("Task/pipe", type=tarfile.FIFOTYPE),
    "twice": member("Task/dataset.json"),
    "twice but for case": member("Task/DATASET.json"),
    "below a file": member("Task/dataset.json/escaped"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_member(tmp_path, empty, name):
    path = write_tar(tmp_path / "a.tar", FILES)
    with tarfile.open(path, "a") as archive:
        archive.addfile(HOSTILE[name])
    with pytest.raises(DataError, match=r"a\.tar: .*fetch it again"):
        unpack_tar(path, empty, top="Task")
    assert toy.files_in(empty) <= set(FILES) and not any(found.is_symlink() for found in empty.rglob("*"))
    assert toy.files_in(tmp_path) <= {"a.tar", *(f"around/unpacked/{path}" for path in FILES)}


def test_link_then_a_file_through_it(tmp_path, empty):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(member("Task/._link", type=tarfile.SYMTYPE, linkname=str(tmp_path)))
        add(archive, "Task/._link/escaped")
        add(archive, "Task/dataset.json")
    assert unpack_tar(tmp_path / "a.tar", empty, top="Task") == ["dataset.json"]
    assert toy.files_in(tmp_path) == {"a.tar", "around/unpacked/dataset.json"}


def test_bombs(tmp_path, empty):
    """Compressed zeros, a sparse file of a terabyte, a size that is not there, and more members than anybody needs."""
    write_tar(tmp_path / "compressed.tar", {"zeros": bytes(10**7)}, "w:gz")
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack_tar(tmp_path / "compressed.tar", empty, top="Task")

    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "Task/s"}
    with tarfile.open(tmp_path / "sparse.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        fields = {"pax_headers": sparse | {"GNU.sparse.realsize": str(10**12)}}
        add(archive, "Task/s", b"1\n0\n1\n".ljust(512, b"\0") + b"x", **fields)
    with pytest.raises(DataError, match="not a plain file"):
        unpack_tar(tmp_path / "sparse.tar", empty, top="Task")

    with tarfile.open(tmp_path / "lying.tar", "w") as archive:
        archive.addfile(member("Task/large", size=10**12))
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack_tar(tmp_path / "lying.tar", empty, top="Task")
    assert sum((empty / name).stat().st_size for name in toy.files_in(empty)) < 20_000

    write_tar(tmp_path / "many.tar", {f"{number}": b"" for number in range(50)})
    with pytest.raises(DataError, match="more than 20 members"):
        unpack_tar(tmp_path / "many.tar", empty, top="Task", most_files=20)


def test_size_below_zero_does_not_go_round_for_ever(tmp_path, empty):
    header = bytearray(member("Task/a").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = tarfile.itn(-512, 12, tarfile.GNU_FORMAT)
    header[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(header[:512]))[0]
    (tmp_path / "a.tar").write_bytes(bytes(header) + bytes(1024))
    with pytest.raises(DataError, match="a.tar"):
        unpack_tar(tmp_path / "a.tar", empty, top="Task")
    assert not toy.files_in(empty)


@pytest.mark.parametrize("kept", [0, 100, 512, 1024, 1500, 2048, 2300, 4000, 5120])
def test_truncated(tmp_path, empty, kept):
    whole = write_tar(tmp_path / "a.tar", FILES).read_bytes()
    assert whole[5120:5632].strip(b"\0"), "every cut is before the end"
    (tmp_path / "a.tar").write_bytes(whole[:kept])
    with pytest.raises(DataError, match="a.tar"):
        unpack_tar(tmp_path / "a.tar", empty, top="Task")


def test_damaged_header(tmp_path, empty):
    content = bytearray(write_tar(tmp_path / "a.tar", FILES).read_bytes())
    content[content.index(b"Task/labelsTr")] ^= 1
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(DataError, match="cut off or damaged"):
        unpack_tar(tmp_path / "a.tar", empty, top="Task")


@pytest.mark.parametrize("content", [b"", b"no archive" * 200, bytes(10240)])
def test_no_archive(tmp_path, empty, content):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(DataError, match="a.tar"):
        unpack_tar(tmp_path / "a.tar", empty, top="Task")


def test_archive_of_another_task(tmp_path, empty):
    with pytest.raises(DataError, match="does not lie below Other/"):
        unpack_tar(write_tar(tmp_path / "a.tar", FILES), empty, top="Other")


def test_entry_of_the_spleen():
    from monai.apps import DecathlonDataset  # late: it takes seconds

    spleen, archive = datasets.get("msd-spleen"), datasets.get("msd-spleen-archive")
    assert spleen.source == archive.name and spleen.licence == archive.licence and not spleen.decoded
    assert list(archive.files) == ["Task09_Spleen.tar"]
    assert archive.address("Task09_Spleen.tar") == DecathlonDataset.resource["Task09_Spleen"]
    assert archive.files["Task09_Spleen.tar"].md5 == DecathlonDataset.md5["Task09_Spleen"]
