"""What a run depended on: enough to find it again, to repeat it, and to see that it is out of date."""

import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess

import medlib
from medlib import datasets
from medlib.errors import UsageError


def modules(folder):
    """SHA-256 of the modules and packages beside somebody's notebook, which it can import, by path from there.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict of str to str
    """
    found = [*folder.glob("*.py")]
    for package in folder.glob("*/__init__.py"):
        found += package.parent.rglob("*.py")
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(found)
        if path.is_file()  # not a folder of that name, nor the dangling link by which an editor locks a file
    }


def versions():
    """Versions of Python, medlib and the packages that medlib asks for, by name."""
    found = {"python": platform.python_version(), "medlib": medlib.__version__}
    for requirement in importlib.metadata.requires("medlib") or ():
        if "extra ==" not in requirement:
            name = re.match(r"[\w.-]+", requirement).group()
            found[name] = importlib.metadata.version(name)
    return found


def data(notebook):
    """Provenance of the data sets that a notebook names in its metadata.

    Parameters
    ----------
    notebook : Notebook

    Returns
    -------
    list of dict
        ``name``, ``version``, ``sha256`` of the list of files, ``simulated``.

    Raises
    ------
    UsageError
        If the metadata names none that medlib knows.
    """
    declared = notebook.metadata.get("datasets", [])
    known = datasets.names() if declared else []
    if not isinstance(declared, list) or not all(name in known for name in declared):
        raise UsageError(f"{notebook.id}: its metadata names datasets {declared}; medlib knows {', '.join(known)}.")
    return [datasets.get(name).provenance() for name in declared]


def git(folder):
    """Commit that a folder is at, and whether files have changed since; None outside a repository.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict or None
        ``commit`` and ``dirty``.
    """
    commit, changes = _output("git", "-C", folder, "rev-parse", "HEAD"), _output("git", "-C", folder, "status", "-s")
    return None if commit is None or changes is None else {"commit": commit, "dirty": bool(changes)}


def cores():
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def machine():
    """System, processor, number of usable cores, the limit on threads where there is one, and names of the GPUs."""
    gpus = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": cores(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "gpus": gpus.splitlines() if gpus else [],
    }


def _output(program, *arguments):
    """What a program prints, None where there is no such program or it fails."""
    if shutil.which(program) is None:
        return None
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (subprocess.SubprocessError, OSError):
        return None
    return done.stdout.strip()
