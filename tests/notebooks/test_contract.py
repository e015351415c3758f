"""The notebooks of medlib keep the contract; what they show is compared by `pytest --nbval notebooks`."""

import pytest
import yaml

from medlib.execution import lint, notebooks, task

PROFILES = sorted((notebooks.folder() / "profiles").glob("*.yaml"))


@pytest.mark.parametrize("notebook", notebooks.everything(), ids=lambda notebook: notebook.id)
def test_notebook_keeps_the_contract(notebook):
    assert lint.problems(notebook) == []


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_profile_sets_parameters_that_exist(profile):
    for name in yaml.safe_load(profile.read_text()):
        notebook = notebooks.find(name)
        assert set(task.plan(notebook, {}, profile.stem).values) > set()
