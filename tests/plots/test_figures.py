"""Figures that are shown carry alternative text."""

import base64

import IPython.display
import matplotlib.pyplot
import pytest

from medlib.errors import UsageError
from medlib.plots.figures import show


def test_figure_is_a_png_with_alternative_text_and_is_closed(monkeypatch):
    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **options: shown.append((data, options)))
    figure, axes = matplotlib.pyplot.subplots(figsize=(4, 3))
    axes.plot([0, 1])
    assert show(figure, "A rising line.") is None
    ((data, options),) = shown
    assert data["text/plain"] == "A rising line."
    assert options == {"metadata": {"image/png": {"alt": "A rising line."}}, "raw": True}
    image = base64.b64decode(data["image/png"])
    assert image.startswith(b"\x89PNG")
    # The size stands in the first chunk; the margins are cut off, so it is a little below 4 by 3 inches at 100 dots.
    width, height = int.from_bytes(image[16:20]), int.from_bytes(image[20:24])
    assert 330 < width <= 400 and 240 < height <= 300
    assert not matplotlib.pyplot.fignum_exists(figure.number)


def test_figure_without_words_is_refused():
    figure, _ = matplotlib.pyplot.subplots()
    with pytest.raises(UsageError, match="alternative text"):
        show(figure, "  ")
    matplotlib.pyplot.close(figure)
