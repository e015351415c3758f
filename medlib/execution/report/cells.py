"""An executed notebook as HTML: by nbconvert, without scripts, links to other hosts' files or styles of its own."""

import functools
import json
import warnings
from pathlib import Path

import nbconvert
import nbformat
from jinja2 import FileSystemLoader, pass_context
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath
from traitlets.config import Config

from medlib.errors import DataError
from medlib.execution.notebooks import MAXIMUM_BYTES
from medlib.execution.report.cleaning import clean

TEMPLATES = Path(__file__).parent / "templates"
# A notebook's outputs have several forms; scripts and widgets are not among those that a page without scripts shows.
FORMS = ["text/html", "text/markdown", "image/svg+xml", "text/latex", "image/png", "image/jpeg", "text/plain"]


class Renderer(IPythonRenderer):
    """Markdown, its formulas drawn and its headings one level down: the first level is the page's own."""

    def heading(self, text, level, **attributes):
        """A heading."""
        return super().heading(text, min(level + 1, 6), **attributes)

    def inline_math(self, body):
        """A formula in a line."""
        from medlib.execution.report import formula  # with matplotlib, which a notebook without formulas does not need

        return formula.draw(body)

    def block_math(self, body):
        """A formula of its own."""
        return f'<span class="formula">{self.inline_math(body)}</span>'

    def latex_environment(self, name, body):
        """A formula such as those in ``align``."""
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def image(self, text, url, title=None):
        """An image; of one whose attachment is lost, its text."""
        try:
            return super().image(text, url, title)
        except InvalidNotebook:
            return self.text(text)


class Exporter(nbconvert.HTMLExporter):
    """nbconvert's, with our markdown and templates."""

    def from_notebook_node(self, notebook, resources=None, **options):
        """HTML; not parsed once more for what our templates do already, which takes most of nbconvert's time."""
        return TemplateExporter.from_notebook_node(self, notebook, resources, **options)

    @pass_context
    def markdown2html(self, context, source):
        """HTML of markdown."""
        attachments = context.get("cell", {}).get("attachments")
        return _markdown(source) if not attachments else _rendered(source, attachments)


def read(path):
    """Read an executed notebook, which may come from anyone.

    Parameters
    ----------
    path : Path

    Returns
    -------
    nbformat.NotebookNode

    Raises
    ------
    DataError
        If the file is no notebook, a link (to a file that is nobody's to publish), or larger than 100 MB.
    """
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAXIMUM_BYTES:
            raise ValueError(f"there is no such file, or it is a link or larger than {MAXIMUM_BYTES:,} bytes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbformat mends what it warns of
            notebook = nbformat.read(path, as_version=4)
            nbformat.validate(notebook)
    except Exception as error:  # nbformat has many for what is no notebook
        raise _cannot_be_shown(path.name, error) from error
    return notebook


def body(notebook, trust=False):
    """HTML of the cells of a notebook.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    trust : bool
        Keep what outputs hold as it is, scripts and widgets included.

    Returns
    -------
    str
        What belongs into a page's ``article``; nothing in it runs or is loaded from elsewhere, unless trusted.

    Raises
    ------
    DataError
        If nbconvert cannot make a page of it.
    """
    try:
        html, _ = _exporter(trust).from_notebook_node(notebook, {"scripts": trust and _has_scripts(notebook)})
    except Exception as error:  # whatever somebody's notebook breaks in nbconvert, the other pages are written
        raise _cannot_be_shown("The notebook", error) from error
    return html if trust else clean(html)


def _cannot_be_shown(what, error):
    reason = str(error).partition("\n")[0]
    return DataError(f"{what} cannot be shown ({reason}); open and save it in JupyterLab.")


def _has_scripts(notebook):
    return any(word in json.dumps(notebook) for word in ("script", "widget"))


@functools.cache
def _exporter(trust):
    options = {} if trust else {"config": Config(NbConvertBase={"display_data_priority": FORMS})}
    return Exporter(
        template_name="classic",
        template_file="cells.html",
        extra_loaders=[FileSystemLoader(TEMPLATES)],
        extra_template_basedirs=[],
        sanitize_html=not trust,
        filters={"highlight_code": _highlighted, "clean_html": _as_it_is if trust else clean},
        **options,
    )


def _as_it_is(html):
    return html


# The runs of a sweep have nearly all their cells in common.
@functools.lru_cache(maxsize=2048)
def _markdown(source):
    return _rendered(source, None)


def _rendered(source, attachments):
    return MarkdownWithMath(renderer=Renderer(escape=False, attachments=attachments)).render(source)


@functools.lru_cache(maxsize=2048)
def _highlighted(source):
    return Highlight2HTML()(source)
