"""A notebook as a page: what is kept, and that nothing in it runs or loads."""

import json
import re

import pytest
from html_pages import leftovers, parse, words
from hypothesis import given
from hypothesis import strategies as st
from made_runs import ATTACK, ATTACKS, notebook, shown
from nbformat.v4 import new_code_cell, new_output

from medlib.errors import DataError
from medlib.execution.report import cells, formula
from medlib.execution.report.cleaning import NO_DESCRIPTION, clean


@pytest.mark.parametrize("attack", ATTACKS)
def test_cleaning_leaves_nothing_that_runs_or_loads(attack):
    assert leftovers(attack) or "</article>" in attack
    assert leftovers(clean(attack)) == []


@given(st.lists(st.one_of(st.sampled_from(ATTACKS), st.text("<>/=\"' &;!-svgmathstyle", max_size=30)), max_size=4))
def test_cleaning_of_anything_is_final(parts):
    html = clean("".join(parts))
    assert leftovers(html) == []
    assert clean(html) == html


def test_cleaning_keeps_structure_and_pictures():
    html = (
        '<h2 id="nb-a">A</h2><table tabindex="0"><thead><tr><th scope="col">x</th></tr></thead>'
        '<tbody><tr><td>1</td></tr></tbody></table><p><img src="data:image/png;base64,AA==" alt="A line"></p>'
    )
    assert clean(html) == html


def test_cleaning_keeps_links_to_other_hosts_and_into_the_page():
    targets = ["https://example.org", "mailto:a@b.c", "#a", "other.html"]
    links = parse(clean("".join(f'<a href="{target}">link</a>' for target in targets))).find_all("a")
    assert [link.get("href") for link in links] == ["https://example.org", "mailto:a@b.c", "#nb-a", None]


def test_unclosed_output_does_not_swallow_the_next_cell():
    html = cells.body(notebook(shown(html="<details><summary>x</summary><table><tr><td>"), "After it."))
    (text,) = parse(html).find_all(class_="text")
    assert words(text) == "After it." and text.find_parent(["details", "table"]) is None


def test_prose_and_tables_are_elements_not_text():
    body = parse(cells.body(notebook("# Title\n\nProse with [a link](#Title).\n\n| a |\n|---|\n| 1 |")))
    assert [words(body.h2).strip(" ¶"), words(body.p), words(body.th), words(body.td)] == [
        "Title", "Prose with a link .", "a", "1",
    ]  # fmt: skip
    assert body.find(id=body.p.a["href"][1:]) is body.h2


def test_pictures_keep_their_descriptions_and_sizes():
    described, bare = shown(png="AA=="), shown(png="AA==")
    described.outputs[0].metadata = {"image/png": {"alt": "A <b>line.", "width": 12}}
    drawn = shown(svg="<svg></svg>")
    body = parse(cells.body(notebook(described, bare, drawn, shown(html='<img src="data:image/png;base64,AA==">'))))
    assert [image["alt"] for image in body.find_all("img")] == ["A <b>line.", *[NO_DESCRIPTION] * 3]
    assert body.img["width"] == "12"


def test_solutions_are_folded():
    hidden = {"jupyter": {"source_hidden": True}}
    solution = new_code_cell("answer = 42", metadata=hidden | {"tags": ["solution"]})
    body = parse(cells.body(notebook(solution, new_code_cell("more = 1", metadata=hidden), new_code_cell("open = 1"))))
    assert [words(part) for part in body.find_all("details")] == [
        "Solution In [ ] answer = 42", "Code of this cell In [ ] more = 1",
    ]  # fmt: skip
    assert "open = 1" in words(body)


def test_streams_and_errors_are_text():
    outputs = [
        new_output("stream", name="stderr", text="<warning>"),
        new_output("error", ename="E", evalue="", traceback=["\x1b[0;31m<E>\x1b[0m"]),
    ]
    body = parse(cells.body(notebook(new_code_cell("x", outputs=outputs))))
    assert words(body.find(class_="output_stderr")) == "<warning>"
    assert words(body.find(class_="output_error").find(class_="ansi-red-fg")) == "<E>"


def test_outputs_that_need_scripts_show_their_text():
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "IntSlider(value=3)"}
    cell = shown(javascript=ATTACK, text="a script")
    cell.outputs.append(new_output("display_data", widget))
    assert words(parse(cells.body(notebook(cell))).find(class_="cell")) == "In [1] shown a script IntSlider(value=3)"


def test_formulas_are_pictures_with_their_source_as_description():
    tex = r"$\frac{a}{b} < 1$ and $$\sum_i x_i$$ and \begin{align}a &= b\end{align}"
    body = parse(cells.body(notebook(f"# In $x^2$\n\n{tex}", shown(latex=r"$\displaystyle \alpha$"))))
    assert [image["alt"] for image in body.find_all("img", class_="math")] == [
        "x^2", r"\frac{a}{b} < 1", r"\sum_i x_i", r"\alpha",
    ]  # fmt: skip
    assert body.code.get_text() == r"\begin{align}a &= b\end{align}"


@pytest.mark.parametrize("tex", ["", "{" * 300, r"\frac{" * 80, "x" * 501, r"\unknown", "^" * 400])
def test_formula_that_cannot_be_drawn_is_code(tex):
    assert formula.draw(tex).startswith("<code>")


def test_formula_is_as_tall_above_the_middle_of_its_letters_as_below():
    """CSS puts the middle of a picture there: a tail adds as much above as below, a line of capitals nothing below."""
    heights = [int(re.search(r'height="(\d+)"', formula.draw(tex)).group(1)) for tex in ("x", "xy", r"\frac{x}{y}")]
    assert heights == sorted(set(heights)) and all(10 < height < 60 for height in heights)


def test_lost_attachment_leaves_its_text():
    assert words(parse(cells.body(notebook("![A lost picture](attachment:gone.png)")))) == "A lost picture"


def test_notebooks_of_older_versions_are_shown_without_a_warning(tmp_path, recwarn):
    path = tmp_path / "notebook.ipynb"
    bare = {"cell_type": "markdown", "metadata": {}, "source": ["# Te", "xt"]}
    for minor in (2, 5):  # the later one asks for an id in each cell
        path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": [bare, bare]}))
        assert len(parse(cells.body(cells.read(path))).find_all("h2")) == 2
    assert not recwarn.list


@pytest.mark.parametrize(
    "content", ["", "[]", '{"cells": 1}', '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{}]}']
)
def test_what_is_no_notebook_is_not_shown(tmp_path, content):
    path = tmp_path / "notebook.ipynb"
    path.write_text(content)
    with pytest.raises(DataError, match="notebook.ipynb cannot be shown"):
        cells.read(path)
