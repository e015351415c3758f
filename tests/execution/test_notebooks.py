"""Finding and reading notebooks, anyone's included."""

import json

import pytest

from medlib import resources
from medlib.errors import UsageError
from medlib.execution import notebooks


@pytest.fixture
def house(monkeypatch, tmp_path, save):
    """A folder that stands for the repository, with one notebook."""
    monkeypatch.setattr(resources, "root", lambda: tmp_path)
    save(["epochs: int = 5"], "notebooks/ecg/arrhythmia.ipynb")
    save(["secret = 1"], "elsewhere/secret.ipynb")
    return tmp_path


def test_id_and_path_find_the_same_notebook(house):
    by_id = notebooks.find("ecg/arrhythmia")
    assert by_id == notebooks.find(str(house / "notebooks" / "ecg" / "arrhythmia.ipynb"))
    assert by_id.id == "ecg/arrhythmia"
    assert [cell["source"] for cell in by_id.cells] == ["epochs: int = 5"]
    assert notebooks.everything() == [by_id]


def test_notebook_from_elsewhere_goes_by_its_plain_name(house, save):
    assert notebooks.find(str(house / "elsewhere" / "secret.ipynb")).id == "secret"
    assert notebooks.find(str(save(["1"], "...ipynb"))).id == "_"


@pytest.mark.parametrize("name", ["../elsewhere/secret", "/etc/passwd", "ecg//arrhythmia", "ecg/.", "", "ecg"])
def test_id_stays_inside_the_folder(house, name):
    with pytest.raises(UsageError, match="No notebook is called"):
        notebooks.find(name)


def test_close_id_is_suggested(house):
    with pytest.raises(UsageError, match=r"Did you mean ecg/arrhythmia\?"):
        notebooks.find("ecg/arrythmia")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "not json",
        '{"cells": 3, "metadata": {}, "nbformat": 4}',
        '{"cells": [3], "metadata": {}, "nbformat": 4}',
        '{"cells": [{"source": "", "cell_type": "code"}], "metadata": {}, "nbformat": 4}',
        '{"cells": [{"source": [1], "cell_type": "code", "metadata": {}}], "metadata": {}, "nbformat": 4}',
        '{"cells": [], "metadata": {"medlib": 3}, "nbformat": 4}',
        '{"cells": [], "metadata": {}, "nbformat": 3}',
        "[" * 100_000,
    ],
)
def test_file_that_is_no_notebook_says_so(tmp_path, content):
    path = tmp_path / "odd.ipynb"
    path.write_text(content)
    with pytest.raises(UsageError, match="is not a notebook in nbformat 4"):
        notebooks.find(str(path))


def test_huge_file_is_not_read(tmp_path):
    with (tmp_path / "huge.ipynb").open("wb") as file:
        file.truncate(notebooks.MAXIMUM_BYTES + 1)
    with pytest.raises(UsageError, match="larger than"):
        notebooks.find(str(tmp_path / "huge.ipynb"))


def test_source_in_lines_is_joined(tmp_path):
    cells = [{"cell_type": "code", "source": ["a = 1\n", "b = 2"], "metadata": {}}]
    (tmp_path / "lines.ipynb").write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    assert notebooks.find(str(tmp_path / "lines.ipynb")).cells[0]["source"] == "a = 1\nb = 2"


def test_digest_follows_source_only(house):
    cell = notebooks.find("ecg/arrhythmia").cells[0]
    same = notebooks.digest([cell | {"outputs": ["new"], "execution_count": 7}])
    assert same == notebooks.digest([cell]) != notebooks.digest([cell | {"source": "epochs: int = 6"}])
