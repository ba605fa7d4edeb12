"""Lists of 100,000 experiments over HTTP: filtered, sorted and in windows; and the Runs page in a browser.

A request is answered with 100 rows and the total of those that fulfil the condition.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import seeded
from figures import Figure, median, shown, spread, times_ms
from lab_pages import make_lab
from listing import API, Client
from playwright.sync_api import sync_playwright
from servers import TOKEN, JupyterServer

ROUNDS = 20
LISTS = {
    "acc > 0.9": {"where": "acc > 0.9"},
    "acc > 0.5 and lr = 0.1": {"where": "acc > 0.5 and lr = 0.1"},
    "acc > 0.1 (97 % of them)": {"where": "acc > 0.1"},
    "text in name, id, tags or message": {"q": "cnn-77"},
    "sorted by a metric": {"sort": "-acc"},
    "sorted by a parameter": {"sort": "lr"},
    "sorted by duration": {"sort": "-duration"},
    "rows from 90,000 on": {"offset": "90000"},
}
#: Whether JupyterLab has opened what it had open. (An `evaluate` that waits for its promise fails when the promise is
#: collected meanwhile, as it may be while the page loads.)
RESTORED = """() => {
  if (window.jupyterapp?.restored && window.labIsRestored === undefined) {
    window.labIsRestored = false;
    void jupyterapp.restored.then(() => { window.labIsRestored = true; });
  }
  return window.labIsRestored;
}"""
_FIRST_ROW = """async () => {
  const begin = performance.now();
  jupyterapp.commands.execute('gpurun:open-runs');
  while (!document.querySelector('.gpurun-table-body [data-run-id]')) await new Promise(requestAnimationFrame);
  return performance.now() - begin;
}"""
_SCROLL = """async () => {
  const table = document.querySelector('.gpurun-table'), taken = [];
  for (let i = 1; i < 20; i++) {
    const begin = performance.now();
    table.scrollTop = (i * 37 % 100) / 100 * table.scrollHeight;
    await new Promise(requestAnimationFrame); // in which the table hears that it was scrolled
    do await new Promise(requestAnimationFrame); while (document.querySelector('.gpurun-is-coming'));
    taken.push(performance.now() - begin);
  }
  return taken;
}"""


def figures() -> list[Figure]:
    """Answers of the server, and what a person waits for."""
    with tempfile.TemporaryDirectory() as folder:
        server = make_lab(Path(folder) / "lab")
        seeded.database_in(server.home)[1].close()
        server.start()
        try:
            return [*_lists(server), *_page(server)]
        finally:
            server.close()


def _lists(server: JupyterServer) -> Iterator[Figure]:
    client = Client(server.port)
    for what, asked in LISTS.items():
        path = f"{API}/runs?{urlencode({'offset': '0', 'limit': '100', **asked})}"
        taken = times_ms(lambda: client.ask("GET", path), ROUNDS)  # noqa: B023
        yield Figure(f"100 of 100,000 runs: {what}", median(taken), "ms", 100, 50, spread(taken, "ms"))


def _page(server: JupyterServer) -> Iterator[Figure]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto(f"{server.url}lab?reset&token={TOKEN}", wait_until="domcontentloaded")
        page.wait_for_function("window.jupyterapp?.commands.hasCommand('gpurun:open-runs')", timeout=60_000)
        page.wait_for_function(RESTORED)
        yield Figure("the Runs page of 100,000 runs to its first row", page.evaluate(_FIRST_ROW), "ms", 1000, 500)
        taken = page.evaluate(_SCROLL)
        beside = f"longest {shown(max(taken), 'ms')} of {len(taken)}"
        yield Figure("a jump in its table to all rows in sight", median(taken), "ms", 200, 100, beside)
        chromium.close()
