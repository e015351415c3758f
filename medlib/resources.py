"""Where the notebooks, the dataset registry and the samples are: in a checkout, or bundled in an installed wheel."""

from pathlib import Path


def root() -> Path:
    """Folder that holds ``notebooks/`` and ``data/``.

    Returns
    -------
    Path
        The repository root for an editable install, else the ``_bundled`` folder of the wheel.

    Examples
    --------
    >>> (root() / "data" / "datasets.toml").is_file()
    True
    """
    package = Path(__file__).resolve().parent
    checkout = package.parent
    return checkout if (checkout / "data" / "datasets.toml").is_file() else package / "_bundled"
