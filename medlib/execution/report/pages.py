"""HTML pages: each whole in itself, with its style and pictures, and closed to scripts and to other hosts."""

import base64
import functools
import hashlib
from datetime import timedelta

import jinja2
from markupsafe import Markup
from nbconvert.filters import strip_ansi

import medlib
from medlib.execution.report import cells

STYLE = (cells.TEMPLATES.parent / "style.css").read_text(encoding="utf-8")
POLICY = (
    "default-src 'none'; script-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)


def render(template, trusted=False, **content):
    """A page from a template.

    Parameters
    ----------
    template : str
        Name of a file in ``templates/``.
    trusted : bool
        Leave the page open to scripts and to other hosts.
    **content
        Text is escaped, markup is not.

    Returns
    -------
    str
    """
    return _environment().get_template(template).render(trusted=trusted, **content)


def _duration(seconds):
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))


@functools.cache
def _environment():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(cells.TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(style=Markup(STYLE), policy=Markup(POLICY), version=medlib.__version__)
    environment.filters.update(duration=_duration, strip_ansi=strip_ansi)
    return environment
