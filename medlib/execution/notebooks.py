"""Find notebooks and read what a run needs to know of them."""

import difflib
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from medlib import resources
from medlib.errors import UsageError

ID = re.compile(r"\w+(/\w+)*", re.ASCII)
MAXIMUM_BYTES = 100_000_000
# Kernels of which a notebook may give the name only, as those of Colab do.
LANGUAGES = {"ir": "r", "julia": "julia"}


@dataclass(frozen=True)
class Notebook:
    """A notebook as it was read from disk.

    Attributes
    ----------
    id : str
        Path below ``notebooks/`` without the suffix; the plain name of a notebook from elsewhere.
    path : Path
        Absolute path of the file.
    content : dict
        The file in nbformat 4, the ``source`` of each cell one string.
    """

    id: str
    path: Path
    content: dict

    @property
    def cells(self):
        """Its cells: a list of dict."""
        return self.content["cells"]

    @property
    def metadata(self):
        """What the notebook says of itself under ``medlib``: title, application, task, datasets, references."""
        return self.content["metadata"].get("medlib", {})

    @property
    def language(self):
        """Programming language in lower case; Python where it does not say."""
        kernel, about = (self.content["metadata"].get(part, {}) for part in ("kernelspec", "language_info"))
        named = kernel.get("language") or about.get("name") or LANGUAGES.get(str(kernel.get("name")), "python")
        return str(named).lower()

    @property
    def ours(self):
        """Whether it is one of medlib's."""
        return self.path.is_relative_to(folder())

    def without_outputs(self):
        """The same notebook as it is before a run: it can be large otherwise, and it is sent to other processes.

        Parameters that papermill set in an earlier run are outputs too.
        """
        cells = [_before_run(cell) for cell in self.cells if "injected-parameters" not in tags(cell)]
        return Notebook(self.id, self.path, self.content | {"cells": cells})


def folder():
    """Folder that holds the notebooks of medlib."""
    return resources.root() / "notebooks"


def everything():
    """Every notebook of medlib, by id."""
    paths = sorted(path for path in folder().rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    return [read(path) for path in paths]


def find(name):
    """The notebook that a user names.

    Parameters
    ----------
    name : str
        An id such as ``ecg/arrhythmia_1dcnn``, or the path of any ``.ipynb`` file.

    Raises
    ------
    UsageError
        If there is no such notebook, or the file is not one.
    """
    if name.endswith(".ipynb"):
        return read(Path(name))
    path = folder() / f"{name}.ipynb"
    if ID.fullmatch(name) and path.is_file():
        return read(path)
    known = [_id(path) for path in folder().rglob("*.ipynb")]
    hint = suggestion(name, known) or "`medlib list` shows the ids; a path must end in .ipynb."
    raise UsageError(f"No notebook is called {name}. {hint}")


def read(path):
    """Read a notebook; the file may come from anyone.

    Parameters
    ----------
    path : Path
        An nbformat 4 file.

    Raises
    ------
    UsageError
        If the file is missing, larger than 100 MB or not a notebook in nbformat 4.
    """
    # A link to a notebook runs where the link is, as in JupyterLab.
    path = path.parent.resolve() / path.name
    if not path.is_file():
        raise UsageError(f"There is no file {path}; name an id that `medlib list` shows, or the path of a notebook.")
    if path.stat().st_size > MAXIMUM_BYTES:
        raise UsageError(f"{path} is larger than {MAXIMUM_BYTES:,} bytes; clear its outputs first.")
    try:
        content = json.loads(path.read_bytes())
        if content["nbformat"] != 4:
            raise ValueError(f"its nbformat is {content['nbformat']}")
        content["cells"] = [_cell(cell) for cell in content["cells"]]
        for part in ("medlib", "kernelspec", "language_info"):
            if not isinstance(content["metadata"].get(part, {}), dict):
                raise ValueError(f"its metadata `{part}` is not a table")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise UsageError(
            f"{path} is not a notebook in nbformat 4 ({reason}); open and save it in JupyterLab."
        ) from error
    return Notebook(_id(path), path, content)


def code_cells(notebook):
    """Code cells of a notebook, in order."""
    return [cell for cell in notebook.cells if cell["cell_type"] == "code"]


def tags(cell):
    """Tags of a cell, an empty list where its metadata has none."""
    found = cell["metadata"].get("tags", [])
    return found if isinstance(found, list) else []


def digest(cells):
    """SHA-256 of the source of cells; stored outputs do not count.

    Examples
    --------
    >>> digest([{"cell_type": "code", "source": "1"}]) == digest([{"cell_type": "code", "source": "1", "outputs": []}])
    True
    """
    sources = [[cell["cell_type"], cell["source"]] for cell in cells]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def suggestion(name, known):
    """A did-you-mean sentence, empty where nothing known is close.

    Examples
    --------
    >>> suggestion("epoch", ["epochs", "seed"])
    'Did you mean epochs?'
    """
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(close)}?" if close else ""


def _cell(cell):
    source = cell["source"]
    if not isinstance(cell["metadata"], dict) or not isinstance(cell["cell_type"], str):
        raise ValueError("a cell has no metadata or no type")
    return cell | {"source": source if isinstance(source, str) else "".join(source)}


def _before_run(cell):
    if cell["cell_type"] == "code":
        return cell | {"outputs": [], "execution_count": None}
    # After a tagged heading, papermill would set parameters that the code below it then sets back.
    kept = [tag for tag in tags(cell) if tag != "parameters"]
    return cell | {"metadata": cell["metadata"] | {"tags": kept}}


def _id(path):
    if path.is_relative_to(folder()):
        return path.relative_to(folder()).with_suffix("").as_posix()
    return re.sub(r"[^\w-]+", "_", path.stem)
