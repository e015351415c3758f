"""The parameters of a notebook: read from its tagged cell without running it, checked before a kernel starts."""

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Optional, Union, get_args, get_origin

import yaml
from IPython.core.inputtransformer2 import TransformerManager

from medlib.errors import UsageError
from medlib.execution import notebooks

NULLS = ("none", "null", "~")
PLAIN_TYPES = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "list": list,
    "List": list,
    "dict": dict,
    "Dict": dict,
    "tuple": tuple,
    "Tuple": tuple,
    "Any": Any,
    "Path": Path,
}
GENERIC_TYPES = {name: PLAIN_TYPES[name] for name in ("list", "List", "dict", "Dict", "tuple", "Tuple")}
GENERIC_TYPES |= {"Optional": Optional, "Union": Union}
KNOWN_TYPES = "bool, int, float, str, list[...], dict[...], tuple[...], Any, Path, Literal[...], int | None"
PLAIN_WORDS = {
    "null": r"(?i:~|null|none)",
    "bool": r"(?i:true|false)",
    "int": r"[-+]?\d+",
    "float": r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?",
}


class PlainLoader(yaml.SafeLoader):
    """YAML in which 1e-3 is a number and 010 is ten, and 12:30, 2020-01-01 and NO are text."""

    yaml_implicit_resolvers = {}


PlainLoader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
for meaning, pattern in PLAIN_WORDS.items():
    PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{meaning}", re.compile(rf"({pattern})\Z"), None)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook.

    Attributes
    ----------
    name : str
        The variable that it sets.
    annotation : str
        Its type as written, or as its default implies.
    type : object
        The same as a Python type.
    default : object
        Its value; the source text where that is more than a literal.
    meaning : str
        The comment that ends its line: meaning, unit and choices.
    """

    name: str
    annotation: str
    type: object
    default: object
    meaning: str


def declared(notebook):
    """Parameters in the cell tagged ``parameters``.

    Parameters
    ----------
    notebook : Notebook

    Returns
    -------
    dict of str to Parameter
        In the order of the cell; empty where no cell is tagged.

    Raises
    ------
    UsageError
        If the cell is not plain Python, or an annotation is none that medlib reads.
    """
    cells = [cell for cell in notebooks.code_cells(notebook) if "parameters" in notebooks.tags(cell)]
    if not cells:
        return {}
    try:
        return parse(cells[0]["source"])
    except (SyntaxError, TypeError, ValueError) as error:
        raise UsageError(f"{notebook.id}: the parameters cell cannot be read: {error}") from error


def parse(source):
    """Parameters in the source of a cell.

    Parameters
    ----------
    source : str
        Python; statements other than assignments to a name are passed over, and so are IPython's magics of one line.

    Returns
    -------
    dict of str to Parameter

    Raises
    ------
    SyntaxError, ValueError
        If the source is not Python, or an annotation is none that medlib reads.

    Examples
    --------
    >>> parse("epochs: int = 5  # passes over the training set")["epochs"]
    Parameter(name='epochs', annotation='int', type=<class 'int'>, default=5, meaning='passes over the training set')
    """
    if source.lstrip().startswith("%%"):
        raise ValueError("it begins with a cell magic; take that line out.")
    source = TransformerManager().transform_cell(source)
    comments = _comments(source)
    found = {}
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.AnnAssign):
            target, annotation = statement.target, statement.annotation
        elif isinstance(statement, ast.Assign):
            target, annotation = statement.targets[0], None
        else:
            continue
        if isinstance(target, ast.Name) and statement.value is not None:
            default = _default(statement.value)
            annotation = annotation or _implied(statement.value)
            found[target.id] = Parameter(
                target.id, ast.unparse(annotation), _type(annotation), default, comments.get(statement.end_lineno, "")
            )
    return found


def defaults(parameters):
    """Values of parameters that are not given, with the types that they declare where their source is a literal.

    Parameters
    ----------
    parameters : dict of str to Parameter

    Returns
    -------
    dict of str to object

    Examples
    --------
    >>> defaults(parse("rate: float = 1\\nstart: float = 2 * rate"))
    {'rate': 1.0, 'start': '2 * rate'}
    """
    return {name: _typed_default(found) for name, found in parameters.items()}


def check(parameters, values):
    """Values that a notebook may be given, with the types that it declares.

    Parameters
    ----------
    parameters : dict of str to Parameter
    values : dict of str to object
        Text from a command line, or values from YAML.

    Returns
    -------
    dict of str to object

    Raises
    ------
    UsageError
        If a name is unknown or a value is not of the declared type; says what is accepted.

    Examples
    --------
    >>> check(parse("rate: float = 0.1\\nname: str = 'a'"), {"rate": "3e-4", "name": "001"})
    {'rate': 0.0003, 'name': '001'}
    """
    for name in values:
        if name not in parameters:
            known = ", ".join(parameters) or "none; tag its cell of parameters with `parameters`"
            hint = notebooks.suggestion(name, parameters)
            raise UsageError(f"There is no parameter {name}. {hint} The notebook's parameters: {known}.")
    return {name: _value(parameters[name], value) for name, value in values.items()}


def _typed_default(parameter):
    try:
        return _value(parameter, parameter.default)
    except UsageError:
        return parameter.default


def _value(parameter, value):
    import pydantic

    adapter = pydantic.TypeAdapter(
        pydantic.JsonValue if parameter.type is Any else parameter.type, config=pydantic.ConfigDict(allow_inf_nan=False)
    )
    for candidate in _readings(parameter.type, value):
        try:
            return adapter.validate_python(candidate)
        except pydantic.ValidationError:
            continue
    meaning = f" ({parameter.meaning})" if parameter.meaning else ""
    raise UsageError(f"{parameter.name}={value} is not {_accepted(parameter)}{meaning}.")


def _readings(kind, value):
    """What a value can mean, the likeliest first: its type reads text before YAML does."""
    if not isinstance(value, str):
        return [value]
    try:
        readings = [value, yaml.load(value, PlainLoader)]
    except (yaml.YAMLError, ValueError, RecursionError):
        readings = [value]
    if type(None) in get_args(kind) and value.lower() in NULLS:
        return [None]
    return readings[::-1] if kind is Any else readings


def _accepted(parameter):
    if get_origin(parameter.type) is Literal:
        return f"one of {', '.join(map(str, get_args(parameter.type)))}"
    return f"of type {parameter.annotation}"


def _comments(source):
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _default(node):
    try:
        return ast.literal_eval(node)
    except ValueError:
        match node:
            case ast.Call(func=ast.Name(id="Path") | ast.Attribute(attr="Path"), args=[ast.Constant(value=str(text))]):
                return Path(text)
        return ast.unparse(node)


def _implied(node):
    """Annotation that a default without one implies: its own type; nothing is known from None or an expression."""
    try:
        name = type(ast.literal_eval(node)).__name__
    except ValueError:
        name = "Path" if isinstance(_default(node), Path) else "Any"
    return ast.Name(name if name in PLAIN_TYPES else "Any")


def _type(node):
    match node:
        case ast.Constant(value=None):
            return type(None)
        case ast.Constant(value=str(text)):
            return _type(ast.parse(text, mode="eval").body)
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in PLAIN_TYPES:
            return PLAIN_TYPES[name]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _type(left) | _type(right)
        case ast.Subscript(value=ast.Name(id="Literal") | ast.Attribute(attr="Literal"), slice=choices):
            return Literal[ast.literal_eval(choices)]
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner) if name in GENERIC_TYPES:
            arguments = tuple(map(_argument, inner.elts if isinstance(inner, ast.Tuple) else [inner]))
            return GENERIC_TYPES[name][arguments if len(arguments) > 1 else arguments[0]]
    raise ValueError(f"annotation {ast.unparse(node)} is not made of {KNOWN_TYPES}; move its line to another cell.")


def _argument(node):
    return ... if isinstance(node, ast.Constant) and node.value is ... else _type(node)
