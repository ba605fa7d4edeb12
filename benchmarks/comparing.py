"""The Compare page in a browser: the curves of 100 runs, each of which reported 10,000 values of a metric."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from figures import Figure, median, shown, spread
from lab_pages import make_lab
from playwright.sync_api import sync_playwright
from search import RESTORED
from servers import TOKEN, JupyterServer

RUNS, POINTS = 100, 10_000
ROUNDS = 7

_TRAINING = f"""import math, random
from gpurun_jupyter import report
chance = random.Random({{seed}})
for step in range({POINTS}):
    report.log(step=step, loss=math.exp(-step / 3000) + 0.05 * chance.random())"""
#: The page says when it has given its charts their curves, which they draw in the next frame.
_DRAWN = """async runs => {
  const begun = performance.now();
  jupyterapp.commands.execute('gpurun:compare-runs', { runs });
  while (!document.querySelector('.gpurun-comparepage[data-drawn]')) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  const taken = performance.now() - begun;
  while (!jupyterapp.shell.currentWidget) await new Promise(requestAnimationFrame);  // it follows the focus
  jupyterapp.shell.currentWidget.close();
  return taken;
}"""


def figures() -> list[Figure]:
    """From the command to the curves, in a page of 1920 x 1080; the first time apart."""
    with tempfile.TemporaryDirectory() as folder:
        server = make_lab(Path(folder) / "lab").start()
        try:
            return _compared(server, _trained(server))
        finally:
            server.close()


def _trained(server: JupyterServer) -> list[str]:
    ids = [server.submit(_TRAINING.format(seed=seed), name=f"net-{seed}") for seed in range(RUNS)]
    for run in ids:
        ended = server.wait(run, timeout_s=600)
        assert ended["metrics"]["loss"]["step"] == POINTS - 1, ended
    return ids


def _compared(server: JupyterServer, ids: list[str]) -> list[Figure]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(f"{server.url}lab?reset&token={TOKEN}", wait_until="domcontentloaded")
        page.wait_for_function(RESTORED, timeout=60_000)
        taken = []
        for _ in range(ROUNDS):
            taken.append(page.evaluate(_DRAWN, ids))
            time.sleep(2)  # what a page that is closed leaves behind has gone
        chromium.close()
    beside = f"the first time {shown(taken[0], 'ms')}; {spread(taken, 'ms')}"
    return [Figure(f"{RUNS} runs x {POINTS:,} points compared, to the curves", median(taken), "ms", 1000, 500, beside)]
