"""What the readers of WFDB files share: every fault of a file is a DataError that names the file."""

from pathlib import Path

from medlib.errors import DataError


def wfdb():
    """The package wfdb, imported late, because it takes a second and the command line needs none of it."""
    import wfdb

    return wfdb


def parse(reader, path: Path, *arguments, **options):
    """What a function of wfdb makes of its arguments.

    Raises
    ------
    DataError
        If it fails in any way.
    """
    try:
        return reader(*arguments, **options)
    # wfdb meets malformed files with errors of any type.
    except Exception as error:
        raise DataError(f"{path} cannot be read as WFDB ({error}); {_remedy(path)}") from error


def require(path: Path) -> Path:
    """The path of a file.

    Raises
    ------
    DataError
        If there is no such file.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; {_remedy(path)}")
    return path


def check(condition: object, path: Path, fault: str) -> None:
    """Refuse a file.

    Raises
    ------
    DataError
        With the fault, unless the condition holds.
    """
    if not condition:
        raise DataError(f"{path} {fault}; {_remedy(path)}")


def _remedy(path: Path) -> str:
    return f"restore {path.name} from where it came (`medlib data verify` checks the files of the registered data sets)"
