"""Read pages, and find in them what a page of the report must not have."""

import re
from html.parser import HTMLParser

import bs4

LOADING = {"src", "srcset", "data", "action", "formaction", "background", "poster", "style", "xlink:href"}
REFUSED = {"script", "style", "iframe", "object", "embed", "meta", "base", "link", "form", "svg", "math", "h1", "video"}


class Leftovers(HTMLParser):
    """Collects what a cleaned page must not have, by means of another parser than the cleaner's."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        if tag in REFUSED:
            self.found.append(tag)
        for name, value in attributes:
            plain = re.sub(r"\s", "", value or "").lower()
            script = name == "href" and plain.startswith(("javascript:", "data:", "vbscript:"))
            loads = name in LOADING and not (tag == "img" and plain.startswith("data:image/"))
            if name.startswith("on") or script or loads:
                self.found.append((tag, name, value))


def leftovers(html):
    parser = Leftovers()
    parser.feed(html)
    return parser.found


def parse(html):
    return bs4.BeautifulSoup(html, "html.parser")


def words(part):
    return " ".join(part.get_text(" ").split())


def rows(table):
    """Cells of a table as text, the header first."""
    return [[words(cell) for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")]
