"""Show a figure so that a reader who cannot see it, and a test that reruns it, know what it holds."""

import base64
import io

import IPython.display
import matplotlib.pyplot

from medlib.errors import UsageError


def show(figure, alt):
    """Display a figure as PNG with alternative text, then close it.

    The text is stored as the output's ``text/plain`` and in its metadata, where nbconvert's ``classic`` and ``basic``
    templates find it. Returns nothing, so that a cell that ends with it has no other output.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Rendered at 100 dots per inch.
    alt : str
        What the figure shows, in a sentence; no measured number that a rerun could change.

    Raises
    ------
    UsageError
        If the text is empty.

    Examples
    --------
    >>> figure, axes = matplotlib.pyplot.subplots()
    >>> show(figure, "An empty pair of axes.")
    {'text/plain': 'An empty pair of axes.', 'image/png': '...'}
    """
    if not alt.strip():
        raise UsageError("A figure was shown without alternative text; say in one sentence what it shows.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
    matplotlib.pyplot.close(figure)
    image = base64.b64encode(buffer.getvalue()).decode("ascii")
    IPython.display.display({"text/plain": alt, "image/png": image}, metadata={"image/png": {"alt": alt}}, raw=True)
