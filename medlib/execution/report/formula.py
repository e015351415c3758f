"""Draw TeX as a picture that needs no script and no network, its source as alternative text."""

import base64
import functools
import io
import logging
from html import escape

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser

MAXIMUM_LENGTH = 500
POINTS = 12
PIXELS_PER_POINT = 4 / 3
# Height of the middle of a small letter, in points: where CSS's ``vertical-align: middle`` puts that of a picture.
MIDDLE = 0.26 * POINTS

# A letter that the font lacks is drawn as a dummy; the alternative text has it, so no line in the terminal.
logging.getLogger("matplotlib.mathtext").setLevel(logging.ERROR)


@functools.lru_cache(maxsize=1024)
def draw(tex):
    """HTML of a formula.

    Parameters
    ----------
    tex : str
        Without the dollar signs.

    Returns
    -------
    str
        An image, or the source as code where matplotlib's mathtext does not know it.

    Examples
    --------
    >>> draw(r"\\alpha < 1")
    '<img class="math" src="data:image/svg+xml;base64,..." alt="\\\\alpha &lt; 1" width="..." height="..." />'
    >>> draw(r"\\unknown")
    '<code>\\\\unknown</code>'
    """
    source = " ".join(tex.replace(r"\displaystyle", "").split())  # which is how mathtext draws, and how SymPy begins
    try:
        if len(source) > MAXIMUM_LENGTH:
            raise ValueError("too long to draw")
        svg, width, height = _svg(f"${source}$")
    except (ValueError, RecursionError):
        return f"<code>{escape(source)}</code>"
    image = base64.b64encode(svg).decode("ascii")
    size = f'width="{width * PIXELS_PER_POINT:.0f}" height="{height * PIXELS_PER_POINT:.0f}"'
    return f'<img class="math" src="data:image/svg+xml;base64,{image}" alt="{escape(source)}" {size} />'


def _svg(text):
    """Picture, and its width and height in points; the line that the text stands on is ``MIDDLE`` below its middle."""
    with rc_context({"mathtext.fontset": "cm", "svg.hashsalt": "medlib", "savefig.transparent": True}):
        width, height, depth, *_ = MathTextParser("path").parse(text, dpi=72, prop=FontProperties(size=POINTS))
        half = max(height - depth - MIDDLE, depth + MIDDLE) + 1
        figure = Figure(figsize=((width + 1) / 72, half / 36))
        figure.text(0, (half - MIDDLE) / (2 * half), text, fontsize=POINTS)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue(), width + 1, 2 * half
