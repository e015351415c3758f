"""The part of medlib that a notebook uses, so that a change to any other part leaves its results up to date."""

import ast
import functools
import hashlib
import io
import tokenize
from pathlib import Path

import medlib
from medlib.execution import notebooks

# Where the files of a data set come from does not decide a result: what they are is in the record, by checksum.
_FINDERS = ("datasets/registry.py", "datasets/storage.py")
# A string between one of these and the end of a line is a statement that does nothing: documentation.
_STATEMENT_BEGINS = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.COMMENT)


def digest(notebook):
    """SHA-256 of the source of the modules of medlib that a notebook imports, and of those that these import.

    Comments and docstrings do not count, nor do the modules that find and download data sets. A module that is imported
    by a name that is only known when the code runs is not found.

    Parameters
    ----------
    notebook : Notebook

    Returns
    -------
    str
    """
    root = Path(medlib.__file__).parent
    waiting = {path for cell in notebooks.code_cells(notebook) for path in _imported(root, _cell(cell["source"]))}
    found = {}
    while waiting:
        path = waiting.pop()
        if path.relative_to(root).as_posix() in _FINDERS:
            continue
        source = path.read_text(encoding="utf-8")
        found[path] = code(source)
        waiting |= _imported(root, source) - found.keys()
    total = hashlib.sha256()
    for path, text in sorted(found.items()):
        total.update(f"{path.relative_to(root).as_posix()}\0{text}\0".encode())
    return total.hexdigest()


@functools.lru_cache(maxsize=1024)
def code(source):
    """Source without comments, docstrings, empty lines and spaces at the end of lines.

    The rest stays as it is written, so that the same source gives the same text under every version of Python.

    Examples
    --------
    >>> print(code("def double(x):\\n    'Twice.'\\n\\n    return 2 * x  # doubled"))
    def double(x):
        return 2 * x
    """
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    lines = source.split("\n")
    for before, token, after in reversed(list(zip([None, *tokens], tokens, tokens[1:], strict=False))):
        begins = before is None or before.type in _STATEMENT_BEGINS
        docstring = token.type == tokenize.STRING and begins and after.type == tokenize.NEWLINE
        if token.type == tokenize.COMMENT or docstring:
            (first, start), (last, end) = token.start, token.end
            lines[first - 1 : last] = [lines[first - 1][:start] + lines[last - 1][end:], *[""] * (last - first)]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _cell(source):
    try:
        ast.parse(source)
    except SyntaxError:
        # Imported late, because it takes a tenth of a second, and only a cell with magics needs it.
        from IPython.core.inputtransformer2 import TransformerManager

        return TransformerManager().transform_cell(source)
    return source


def _imported(root, source):
    """Files of the modules that Python source imports from medlib, with the packages above them."""
    paths = set()
    for name in _imported_names(source):
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            place = root.joinpath(*parts[1:end])
            # The last part may be a function rather than a module.
            paths |= {path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()}
    return paths


@functools.lru_cache(maxsize=1024)
def _imported_names(source):
    try:
        tree = ast.parse(source)
    except SyntaxError:  # such a cell fails when it runs
        return ()
    names = []
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                names += [alias.name for alias in node.names]
            case ast.ImportFrom(level=0):
                names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(name for name in names if name.split(".")[0] == "medlib")
