"""A registry of one small data set, and a server that serves it well or badly."""

import functools
import hashlib
import http.server
import threading

import pytest
import toy

from medlib import resources


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    """Neither the user's mirrors nor a proxy take part in these tests."""
    for name in ("MEDLIB_DATA", "MEDLIB_CACHE", "MEDLIB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def home(tmp_path):
    """Folder that the server serves: the files as the registry describes them."""
    return toy.write_files(tmp_path / "home")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Folder in which the data set's files are to appear."""
    monkeypatch.setenv("MEDLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "toy"


@pytest.fixture
def server(home):
    """Server of `home` on this machine; a path in ``server.truncated`` is announced longer than it is."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(toy.Handler, directory=str(home)))
    server.truncated = set()
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def registered(tmp_path, monkeypatch, server, cache):
    """A registry with the data set ``toy``; gives the folder that takes the place of medlib's own."""
    root = tmp_path / "root"
    manifests = root / "data" / "manifests"
    manifests.mkdir(parents=True)
    lines = [f"{hashlib.sha256(content).hexdigest()} {len(content)} {path}\n" for path, content in toy.FILES.items()]
    (manifests / "toy.txt").write_text("".join(lines))
    (root / "data" / "datasets.toml").write_text(
        '[toy]\ntitle = "Toy"\nhome = "nowhere"\nversion = "2"\nlicence = "Licence of the toy"\ncitation = "none"\n'
        f'url = "http://127.0.0.1:{server.server_port}/"\nsplits = {{ train = ["1"], test = ["2"] }}\n'
    )
    monkeypatch.setattr(resources, "root", lambda: root)
    return root
