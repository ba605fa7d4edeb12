"""The run view in JupyterLab: a flood of lines, coming back to a long log, and how late a line is in the page."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from figures import Figure, median, shown, spread
from lab_pages import LabPage, make_lab
from playwright.sync_api import Page, sync_playwright
from servers import wait_until

FLOOD_LINES, FLOOD_S = 500_000, 5.0
LONG_LINES = 1_000_000
ROUNDS = 5
LATE_LINES = 100

_FLOOD = f"""import sys, time
begun = time.perf_counter()
for part in range({FLOOD_LINES // 1000}):
    sys.stdout.write("".join(f"line {{part * 1000 + n}} of a flood\\n" for n in range(1000)))
    time.sleep(max(0.0, begun + (part + 1) * {1000 * FLOOD_S / FLOOD_LINES} - time.perf_counter()))
"""
_LONG = f"""import sys
for part in range({LONG_LINES // 1000}):
    sys.stdout.write("".join(f"line {{part * 1000 + n}} of a long log\\n" for n in range(1000)))
"""
_LATE = f"""import random, time
time.sleep(3)
for n in range({LATE_LINES}):
    print(f"at {{time.time():.6f}}", flush=True)
    time.sleep(random.uniform(0.15, 0.3))
"""
_SHOWN = """import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Latex, display
for n in range(6):
    plt.plot([n, 1, 2])
    plt.show()
    print("\\n".join(f"line {i}" for i in range(2000 if n < 5 else 3)))
display(pd.DataFrame({"epoch": range(3), "loss": [0.5, 0.25, 0.125]}), Latex(r"$\\sqrt{x^2 + y^2}$"))
"""
_CLICKS = """() => {
  const button = document.createElement('button');
  button.id = 'bench';
  button.style.cssText = 'position: fixed; right: 0; bottom: 30px; z-index: 9999; width: 60px; height: 30px';
  window.answers = [];
  button.onclick = event => requestAnimationFrame(() => {
    const channel = new MessageChannel();  // after the frame in which the answer is drawn
    channel.port1.onmessage = () => window.answers.push(performance.now() - event.timeStamp);
    channel.port2.postMessage(0);
  });
  document.body.append(button);
}"""
_OPEN = """([run, last, count]) => new Promise(done => {
  const begun = performance.now();
  const took = {};
  jupyterapp.commands.execute('gpurun:open-run', { run });
  const look = () => {
    const view = document.querySelector('.jp-MainAreaWidget .gpurun-tab-output');
    const text = view?.textContent ?? '';
    if (text.includes(last)) took.last ??= performance.now() - begun;
    if (text.includes(count)) took.count ??= performance.now() - begun;
    return took.last && took.count ? done(took) : requestAnimationFrame(look);
  };
  look();
})"""
_DRAWN = """run => new Promise(done => {
  const begun = performance.now();
  jupyterapp.commands.execute('gpurun:open-run', { run });
  const look = () => {
    const log = document.querySelector(`#gpurun-run-${run} .gpurun-log`);
    const drawn = log?.querySelector('table') && log.querySelector('mjx-container')
      && log.querySelector('img')?.naturalWidth > 100;
    return drawn ? done(performance.now() - begun) : requestAnimationFrame(look);
  };
  look();
})"""
_WATCH = """view => {
  window.late = new Map();
  new MutationObserver(() => {
    const now = Date.now();
    for (const [, at] of view.textContent.matchAll(/at (\\d+\\.\\d{6})/g))
      if (!window.late.has(at)) window.late.set(at, now - 1000 * at);
  }).observe(view, { subtree: true, childList: true, characterData: true });
}"""


def figures() -> list[Figure]:
    """Milliseconds, each measured in the page itself."""
    with _lab_page() as page:
        page.lab.wait(page.lab.submit("pass"))
        return [_flood(page), *_long(page), _shown(page), _late(page)]


@contextmanager
def _lab_page() -> Iterator[LabPage]:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = make_lab(Path(folder)).start()
        path = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            page = LabPage(browser.new_page(viewport={"width": 1280, "height": 900}), lab, "bench")
            page.open_notebook(
                "%load_ext gpurun_jupyter", *(_cell(*one) for one in (("flood", _FLOOD), ("late", _LATE)))
            )
            page.run_cell(0)
            page.cell_ended(0)
            yield page
        finally:
            browser.close()
            lab.close()


def _cell(name: str, code: str) -> str:
    return f"%%gpurun --detach --name {name}\n{code}"


def _flood(page: LabPage) -> Figure:
    page.page.evaluate(_CLICKS)
    page.run_cell(1)
    page.cell_ended(1)
    state = wait_until(lambda: page.view.get_attribute("data-state") == "running", 30)
    clicks = 0
    while state and page.view.get_attribute("data-state") == "running":
        page.page.mouse.click(1250, 850)
        clicks += 1
    answers = wait_until(lambda: _all(page.page, "answers", clicks), 10, "for an answer to every click")
    printed = page.lab.wait("flood")
    wait_until(lambda: page.line_count() == FLOOD_LINES, 30, f"for the count, which is {page.line_count()}")
    wait_until(lambda: f"line {FLOOD_LINES - 1} of a flood" in page.view.inner_text(), 10, "for the last line")
    took = printed["finished_at"] - printed["started_at"]
    beside = f"the longest of {clicks} clicks, median {shown(median(answers), 'ms')}; {shown(FLOOD_LINES / took, '/s')}"
    return Figure("answer to a click while 100,000 lines a second come", max(answers), "ms", 250, 100, beside)


def _all(page: Page, name: str, count: int) -> list[float] | None:
    found = page.evaluate(f"window.{name}")
    return found if len(found) >= count else None


def _long(page: LabPage) -> list[Figure]:
    run = page.lab.submit(_LONG, name="long")
    page.lab.wait(run, timeout_s=120)
    asked = [run, f"line {LONG_LINES - 1} of a long log", f"{LONG_LINES:,} lines"]
    taken: dict[str, list[float]] = {"last": [], "count": []}
    for _ in range(ROUNDS):
        for name, value in page.page.evaluate(_OPEN, asked).items():
            taken[name].append(value)
        page.command("application:close")
        time.sleep(4)  # a view that is closed stays watched for some seconds
    return [
        Figure(
            "1,000,000 lines, to the last screen", median(taken["last"]), "ms", 1000, 500, spread(taken["last"], "ms")
        ),
        Figure("1,000,000 lines, to their number", median(taken["count"]), "ms", beside=spread(taken["count"], "ms")),
    ]


def _shown(page: LabPage) -> Figure:
    run = page.lab.submit(_SHOWN, name="shown")
    page.lab.wait(run)
    taken = []
    for _ in range(ROUNDS):
        taken.append(page.page.evaluate(_DRAWN, run))
        page.command("application:close")
        time.sleep(4)
    what = "6 figures, a table and LaTeX among 10,000 lines, to the last screen"
    return Figure(what, median(taken), "ms", 1000, 500, spread(taken, "ms"))


def _late(page: LabPage) -> Figure:
    page.run_cell(2)
    view = page.page.locator(".jp-Notebook .gpurun-view").nth(1)
    view.scroll_into_view_if_needed()
    view.evaluate(_WATCH)
    page.lab.wait("late", timeout_s=120)
    late = [value for _, value in page.page.evaluate("[...window.late]")]
    assert len(late) >= 0.9 * LATE_LINES, f"only {len(late)} lines were seen"
    return Figure("a line, from print to the page", median(late), "ms", 60, 50, spread(late, "ms"))
