"""Values that a user gives for parameters: on the command line, in a file, or by the name of a profile."""

import yaml

from medlib.errors import UsageError
from medlib.execution import notebooks, parameters

MAXIMUM_YAML_BYTES = 1_000_000


def assignments(texts):
    """Names and values of ``NAME=VALUE`` texts; a value may hold further equals signs.

    Raises
    ------
    UsageError
        If a text is not of that form, or a name is given twice.

    Examples
    --------
    >>> assignments(["note=a=b # c", "epochs=5"])
    {'note': 'a=b # c', 'epochs': '5'}
    """
    found = {}
    for text in texts:
        name, separator, value = text.partition("=")
        name = name.strip()
        if not separator or not name.isidentifier():
            raise UsageError(f"{text!r} is not NAME=VALUE; write for example -p epochs=5.")
        if name in found:
            raise UsageError(f"{name} is given twice; give each parameter once.")
        found[name] = value
    return found


def profile(name, notebook):
    """The named set of parameters of a notebook.

    Parameters
    ----------
    name : str
        ``smoke`` for the notebook's defaults, else a file ``notebooks/profiles/<name>.yaml``.
    notebook : Notebook

    Returns
    -------
    dict of str to object

    Raises
    ------
    UsageError
        If there is no such profile, or it has no set for the notebook.
    """
    if name == "smoke":
        return {}
    files = {path.stem: path for path in (notebooks.folder() / "profiles").glob("*.yaml")}
    if name not in files:
        raise UsageError(f"There is no profile {name}; there are {', '.join(['smoke', *sorted(files)])}.")
    sets = from_file(files[name])
    if not isinstance(sets.get(notebook.id), dict):
        raise UsageError(f"Profile {name} has no set of parameters for {notebook.id}; add one to {files[name].name}.")
    return sets[notebook.id]


def from_file(path):
    """Names and values in a YAML file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to object

    Raises
    ------
    UsageError
        If there is no such file, or it is not a YAML mapping of names.
    """
    content = read_yaml(path)
    if not is_table(content):
        raise UsageError(f"{path} is not a table of names and values; write lines such as epochs: 5.")
    return content


def read_yaml(path):
    """Content of a YAML file of at most 1 MB.

    Raises
    ------
    UsageError
        If there is no such file, or it is not YAML.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAXIMUM_YAML_BYTES + 1)
        if len(text) > MAXIMUM_YAML_BYTES:
            raise UsageError(f"{path} is larger than {MAXIMUM_YAML_BYTES:,} bytes; it should hold a few parameters.")
        return yaml.load(text, parameters.PlainLoader)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as YAML ({error}); write lines such as epochs: 5.") from error


def is_table(content):
    """Whether it is a mapping of names."""
    return isinstance(content, dict) and all(isinstance(name, str) for name in content)
