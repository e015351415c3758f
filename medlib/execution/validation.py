"""Rerun notebooks and compare what they show with what is stored."""

import os
import subprocess
import sys

from medlib.execution import record


def rerun(paths, jobs=None):
    """Run nbval with medlib's comparison over notebooks, each in a kernel of its own; what came out is printed.

    Parameters
    ----------
    paths : list of Path
    jobs : int, optional
        Processes among which the notebooks and the cores are divided: by default the number of usable cores, and no
        more than there are notebooks. ``OMP_NUM_THREADS`` says otherwise how many threads each takes.

    Returns
    -------
    int
        0 where all outputs agree, 1 where some do not or nothing was run.
    """
    cores = record.cores()
    jobs = min(jobs or cores, len(paths))
    root = os.path.commonpath([path.parent for path in paths])
    # No configuration and no plugin but those named: where a notebook lies, and what else is installed, must not change
    # how it is compared.
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", root, "-p", "no:cacheprovider"]
    command += ["-q", "-p", "nbval.plugin", "--nbval", "-p", "medlib.execution.comparison"]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    if jobs > 1:
        # By file, since the cells of a notebook need each other.
        command += ["-p", "xdist.plugin", "--numprocesses", str(jobs), "--dist", "loadfile"]
        environment.setdefault("OMP_NUM_THREADS", str(max(cores // jobs, 1)))
    done = subprocess.run([*command, *map(str, paths)], env=environment, check=False)
    return int(done.returncode != 0)
