"""The table of notebooks, with the figures that the project claims for each."""

import json

from medlib.errors import DataError
from medlib.execution import library, notebooks, runs
from medlib.results import Results


def entries():
    """What each notebook of medlib says of itself, and its kept results.

    Returns
    -------
    list of dict
        ``id``, ``title``, ``application``, ``task``, ``datasets``, and ``results``: by profile, the bundle with
        ``stale``, which is true where the notebook's code has changed since, or that of medlib which it uses.

    Raises
    ------
    DataError
        If a kept file is damaged.
    """
    return [
        {
            "id": notebook.id,
            "title": notebook.metadata.get("title", ""),
            "application": notebook.metadata.get("application", ""),
            "task": notebook.metadata.get("task", ""),
            "datasets": notebook.metadata.get("datasets", []),
            "results": _kept(notebook),
        }
        for notebook in notebooks.everything()
    ]


def _kept(notebook):
    code, used = notebooks.digest(notebooks.code_cells(notebook)), library.digest(notebook)
    found = {}
    for path in sorted(runs.kept_folder().glob(f"*/{notebook.id}.json")):
        try:
            content = json.loads(path.read_bytes())
            bundle = Results.from_dict(content["results"]).to_dict()
            stale = content["record"]["code"] != code or content["record"]["library"] != used
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path} is damaged ({error}); write it again by `medlib run --keep`.") from error
        found[path.relative_to(runs.kept_folder()).parts[0]] = bundle | {"stale": stale}
    return found
