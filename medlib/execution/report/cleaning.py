"""Clean HTML that came from a notebook: nothing left in it runs, loads a file, or changes the page around it."""

import re

import nh3

# Before every name that a notebook gives to a place in its page, so that it meets none of the report's own.
PREFIX = "nb-"
NO_DESCRIPTION = "No description has been provided for this image"
IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
WITHOUT_DESCRIPTION = re.compile(r'<img(?![^>]* alt=")')
OF_THE_PAGE = {"h1", "article", "aside", "footer", "header", "hgroup", "nav", "area", "map"}


def clean(html):
    """Keep text, its structure, links and the images that come with it.

    Cleaned a second time, the outcome stays as it is.

    Parameters
    ----------
    html : str

    Returns
    -------
    str

    Examples
    --------
    >>> clean('<p style="position: fixed" onclick="steal()">Text<script>steal()</script> <a href="#part">here</a>')
    '<p>Text <a href="#nb-part" rel="noopener noreferrer">here</a></p>'
    >>> clean('<img src="https://example.org/pixel.png">')
    '<img alt="No description has been provided for this image">'
    """
    return WITHOUT_DESCRIPTION.sub(f'<img alt="{NO_DESCRIPTION}"', _CLEANER.clean(html))


def _attribute(tag, name, value):
    """Value to keep: an image that is loaded from a host tells it who reads the page."""
    if name == "src":
        return value if IMAGE.fullmatch(value) else None
    if name == "href" and value.lower().lstrip().startswith("data:"):
        return None
    return (value.strip() or NO_DESCRIPTION) if name == "alt" else value


def _inside(url):
    """A link that names no host, kept where it leads to a place in the page."""
    return f"#{PREFIX}{url[1:].removeprefix(PREFIX)}" if url.startswith("#") else None


_CLEANER = nh3.Cleaner(
    tags=(nh3.ALLOWED_TAGS | {"tfoot"}) - OF_THE_PAGE,
    clean_content_tags={"script", "style", "template", "title"},
    attributes=nh3.ALLOWED_ATTRIBUTES | {"*": {"class", "id", "lang", "dir"}, "details": {"open"}},
    attribute_filter=_attribute,
    # What can be wider than the page scrolls, also by the keyboard.
    set_tag_attribute_values={"pre": {"tabindex": "0"}, "table": {"tabindex": "0"}},
    url_schemes={"http", "https", "mailto", "data"},
    url_relative=_inside,
    id_prefix=PREFIX,
)
