"""The architecture: imports point down only, and what answers at once imports nothing slow."""

import subprocess
import sys
from pathlib import Path

import importlinter.cli
import pytest

CONFIGURATION = Path(__file__).parents[1] / "pyproject.toml"
SLOW = {"torch", "pandas", "scipy", "sklearn", "wfdb", "matplotlib", "papermill", "pydantic", "nbformat"}


def test_imports_point_down_only(capsys):
    status = importlinter.cli.lint_imports(config_filename=str(CONFIGURATION), no_cache=True)
    assert status == importlinter.cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize("module", ["medlib.cli", "medlib.execution.catalogue", "medlib.datasets", "medlib.results"])
def test_nothing_slow_is_imported(module):
    command = [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not SLOW & set(done.stdout.split())
