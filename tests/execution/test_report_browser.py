"""The report in Chromium: whole, closed to other hosts and to scripts, readable at any width and in the dark."""

import functools
import http.server
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import nbformat
import pytest
from made_runs import ATTACK, ATTACKS, bundle, notebook, put, put_hostile, put_sweep, shown
from playwright.sync_api import sync_playwright

from medlib import resources
from medlib.execution.report import pages, site

HEADLINE = "ecg/arrhythmia_1dcnn"
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, NARROW = 1280, 400


@pytest.fixture(scope="module")
def browser():
    """A Chromium that is installed on this machine."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no chromium, chromium-browser or google-chrome on the PATH")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture
def tab(browser):
    """An empty tab, with what it asked for, what it was refused and what it complained about."""
    context = browser.new_context(viewport={"width": WIDE, "height": 900})
    page = context.new_page()
    page.requested, page.refused, page.complaints = [], [], []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("requestfailed", lambda request: page.refused.append((request.url, request.failure)))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of a sweep, of a failure, of formulas, and of the headline notebook as it is stored."""
    folder = tmp_path_factory.mktemp("report")
    put_sweep(folder / "runs", seeds=[0, 1])
    put(folder / "runs", key="failed", status="failed", error={"name": "ValueError", "message": "no", "cell": 1})
    put(folder / "runs", "mine", node=notebook("# Mine\n\n$\\alpha$ and $$\\frac{a}{b}$$", about=None))
    headline = nbformat.read(resources.root() / "notebooks" / f"{HEADLINE}.ipynb", 4)
    put(folder / "runs", HEADLINE, results=bundle(0.9, baseline=0.5), node=headline)
    assert site.write(folder / "runs", folder / "report") == []
    return folder / "report"


@pytest.fixture(scope="module")
def server(report):
    """Address of a plain static server of the report."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(report))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def everywhere(report):
    """Every page of a report."""
    return sorted(path.as_uri() for path in report.rglob("*.html"))


@pytest.mark.parametrize("place", ["disk", "server"])
def test_every_link_leads_somewhere_and_nothing_leaves_the_report(tab, report, server, place):
    base = f"{report.as_uri() if place == 'disk' else server}/"
    waiting, seen = [f"{base}index.html"], set()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        tab.goto(address)
        for link in tab.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))"):
            target, anchor = urldefrag(urljoin(address, link))
            if not target.startswith(base):
                assert target.startswith(("https://", "http://", "mailto:"))
                continue
            file = report / unquote(target.removeprefix(base))
            assert file.is_file(), link
            if anchor:
                assert f'id="{anchor}"' in file.read_text() or f'id="{unquote(anchor)}"' in file.read_text(), link
            if file.suffix == ".html" and target not in seen:
                waiting.append(target)
    assert {unquote(address.removeprefix(base)) for address in seen} == {
        path.relative_to(report).as_posix() for path in report.rglob("*.html")
    }
    assert all(url.startswith((base, "data:")) for url in tab.requested)
    assert tab.complaints == []


def test_pictures_are_shown_and_described(tab, report):
    count = 0
    for address in everywhere(report):
        tab.goto(address)
        pictures = tab.eval_on_selector_all("img", "found => found.map(one => [one.alt.trim(), one.naturalWidth])")
        assert all(alt and width > 0 for alt, width in pictures)
        count += len(pictures)
    assert count >= 2 + 2 + 7  # of the sweep, the formulas, the headline notebook


def test_pages_have_landmarks_a_language_and_one_first_heading(tab, report):
    for address in everywhere(report):
        tab.goto(address)
        assert tab.eval_on_selector("html", "root => root.lang") == "en" and tab.title()
        assert [tab.locator(name).count() for name in ("h1", "main", "footer")] == [1, 1, 1]
        labels = tab.eval_on_selector_all("[role=region]", "regions => regions.map(one => one.ariaLabel)")
        assert all(labels) and len(set(labels)) == len(labels)
        unlabelled = "headers => headers.filter(header => header.closest('.scroll') && !header.scope).length"
        assert tab.eval_on_selector_all("th", unlabelled) == 0
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        assert tab.url.endswith("#main")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_pages_fit_any_width_and_scheme(browser, report, tmp_path, scheme, width):
    with browser.new_context(viewport={"width": width, "height": 2400}, color_scheme=scheme) as context:
        tab = context.new_page()
        for address in everywhere(report):
            tab.goto(address)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            background = tab.eval_on_selector("body", "body => getComputedStyle(body).backgroundColor")
            assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}[scheme]
            image = tmp_path / f"{Path(address).stem}-{scheme}-{width}.png"
            tab.screenshot(path=image)
            assert image.stat().st_size > 10_000


def test_attacks_neither_run_nor_load_nor_cover_the_page(tab, tmp_path):
    put_hostile(tmp_path / "runs")
    assert site.write(tmp_path / "runs", tmp_path / "report") == []
    found = everywhere(tmp_path / "report")
    assert len(found) == 6
    for address in found:
        tab.goto(address)
        tab.wait_for_timeout(100)  # a refresh to another page would come after the load
        assert tab.url == address and "pwned" not in tab.title()
        for name in ("h1", "footer"):
            place = tab.locator(name)
            place.scroll_into_view_if_needed()
            assert place.is_visible()
            place.click()  # refused where something covers it
        for link in tab.locator("article a", has_text="click").all():
            assert link.get_attribute("href") is None
    assert all(url.startswith(("file:", "data:")) for url in tab.requested)
    assert tab.complaints == []


@pytest.mark.parametrize("trusted", [False, True])
def test_policy_alone_stops_scripts_and_requests(tab, tmp_path, trusted):
    """What cleaning would overlook is stopped; with trust, which has no such policy, the same attack succeeds."""
    body = f"<script>{ATTACK}</script><img src=x onerror=\"{ATTACK}\"><img src='{tmp_path.as_uri()}/x.png'>"
    path = tmp_path / "page.html"
    path.write_text(pages.render("base.html", trusted=trusted).replace("</main>", f"{body}</main>"))
    with tab.expect_event("console"):
        tab.goto(path.as_uri())
    assert tab.title() == ("pwned" if trusted else "")
    assert ((f"{tmp_path.as_uri()}/x.png", "csp") in tab.refused) is not trusted


def test_trusted_outputs_run_and_the_index_stays_closed(tab, tmp_path):
    put(tmp_path / "runs", node=notebook(shown(html=ATTACKS[0])), results=bundle(0.5))
    tab.route("https://**", lambda route: route.abort())  # require.js and jQuery, which scripts in outputs may ask for
    site.write(tmp_path / "runs", tmp_path / "report", trust=True)
    titles = {}
    for address in everywhere(tmp_path / "report"):
        tab.goto(address)
        titles[Path(address).parent.name] = tab.title()
    assert titles == {"report": "Runs of medlib", "notebooks": "A toy: runs of medlib", "runs": "pwned"}
