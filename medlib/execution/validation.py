"""Rerun notebooks and compare what they show with what is stored."""

import os
import subprocess
import sys


def rerun(paths):
    """Run nbval with medlib's comparison over notebooks, in processes of their own.

    Parameters
    ----------
    paths : list of Path

    Returns
    -------
    int
        0 where all outputs agree, 1 where some do not.
    """
    # No configuration file: where a notebook lies must not change how it is compared.
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", os.curdir, "-p", "no:cacheprovider"]
    command += ["-q", "--nbval", "-p", "medlib.execution.comparison", *map(str, paths)]
    return min(subprocess.run(command, check=False).returncode, 1)
