"""A page of JupyterLab, and what tests do on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import nbformat
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect
from servers import BIN, TOKEN, JupyterServer, wait_until

VIEWPORT = ViewportSize(width=1400, height=900)

#: A cell that trains for six seconds.
TRAINING = """%%gpurun --name {name}
import time
from tqdm import tqdm
for step in tqdm(range(40), desc="epoch"):
    if step % 4 == 0:
        print("line", step, flush=True)
    time.sleep(0.15)
"the end\""""

#: A run that prints twenty numbered lines a second until the file is there.
COUNTING = """import time
from pathlib import Path
n = 0
while not Path({stop!r}).exists():
    print("line", n, flush=True)
    n += 1
    time.sleep(0.05)
print("the last line")"""

#: Ready to take a cell: earlier, an execution may be lost while the session starts.
READY = """() => {
  const widget = window.jupyterapp?.shell?.currentWidget;
  const session = widget?.context?.sessionContext;
  const kernel = session?.session?.kernel;
  return session?.isReady && kernel?.status === 'idle' && kernel?.connectionStatus === 'connected'
    && widget.content?.widgets?.length > 0;
}"""

#: Have nothing open but this notebook; false where the page is not JupyterLab's, somebody has to answer it first, or it
#: was reloaded: it may be about to open again what it had open.
OPEN_ALONE = """async path => {
  const reloaded = performance.getEntriesByType('navigation')[0].type === 'reload';
  if (!window.jupyterapp || reloaded || document.querySelector('.jp-Dialog')) return false;
  for (const widget of [...jupyterapp.shell.widgets('main')]) widget.dispose();
  await jupyterapp.serviceManager.sessions.shutdownAll();
  await jupyterapp.commands.execute('docmanager:open', { path });
  return true;
}"""

#: Every line of a view's output. Only those in sight are in the page, so it has to be scrolled through.
ALL_LINES = """async view => {
  const box = view.querySelector('.gpurun-log'), pre = box.querySelector('pre');
  const height = parseFloat(getComputedStyle(pre).lineHeight);
  const frames = async () => { for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame); };
  const lines = [];
  for (let top = 0; ; top += box.clientHeight) {
    box.scrollTop = top;
    await frames();
    const first = Math.round(parseFloat(pre.style.top) / height);
    pre.textContent.split('\\n').slice(0, -1).forEach((line, i) => { lines[first + i] = line; });
    if (top + box.clientHeight >= box.scrollHeight - 1) return lines.map(line => `${line}\\n`).join('');
  }
}"""


def make_lab(folder: Path, base_url: str = "/", ip: str = "127.0.0.1", programs: Path = BIN) -> JupyterServer:
    """A server of JupyterLab and Notebook 7 that asks nothing of anybody."""
    notices = folder / "settings" / "@jupyterlab" / "apputils-extension"
    notices.mkdir(parents=True)
    (notices / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    exposed = (f"--{app}.expose_app_in_browser=True" for app in ("LabApp", "JupyterNotebookApp"))
    options = (*exposed, "--LabApp.extension_manager=readonly")
    return JupyterServer(folder, app="lab", base_url=base_url, ip=ip, options=options, disabled=(), programs=programs)


class LabPage:
    """What tests do in JupyterLab."""

    def __init__(self, page: Page, lab: JupyterServer, name: str) -> None:
        self.page = page
        self.lab = lab
        self.name = name.replace("[", "-").replace("]", "")  # a test's name becomes one of files, workspaces and runs
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open_notebook(self, *cells: str, anew: bool = False) -> None:
        """Write a notebook with these cells and open it: in the page as it is, unless it is to be loaded `anew`."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.file)
        here = self.page.url.startswith(f"{self.lab.url}lab")
        if anew or not here or not self.page.evaluate(OPEN_ALONE, self.file.name):
            self.page.goto(f"{self.lab.url}{self._path()}token={TOKEN}", wait_until="domcontentloaded")
        self.page.wait_for_function(READY, timeout=90_000)

    def open_lab(self) -> None:
        """Open JupyterLab without a notebook."""
        self.page.goto(f"{self.lab.url}lab/workspaces/{self.name}?reset&token={TOKEN}", wait_until="domcontentloaded")
        self.page.wait_for_selector(".jp-Launcher", timeout=90_000)

    def set_theme(self, name: str) -> None:
        """Switch to `Light` or `Dark`, and wait until the page is in it."""
        self.command("apputils:change-theme", {"theme": f"JupyterLab {name}"})
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", str(name == "Light").lower())
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    def _path(self) -> str:
        return f"lab/workspaces/{self.name}/tree/{self.name}.ipynb?reset&"

    @property
    def file(self) -> Path:
        """The notebook."""
        return self.lab.folder / "files" / f"{self.name}.ipynb"

    @property
    def view(self) -> Locator:
        """The first run view of the notebook."""
        return self.page.locator(".jp-Notebook .gpurun-view, .jp-NotebookPanel .gpurun-view").first

    def output(self) -> str:
        """All that the view shows of the output, which should not change meanwhile."""
        self.view.scroll_into_view_if_needed()
        return str(self.view.evaluate(ALL_LINES))

    def line_count(self) -> int:
        """How many lines the view says that there are."""
        found = re.search(r"([\d,]+) lines?", self.view.locator(".gpurun-log-count").inner_text())
        return int(found[1].replace(",", "")) if found else 0

    def is_live(self, lines: int = 5) -> None:
        """Wait until the view is in the page and more lines have come."""
        expect(self.view).to_have_attribute("data-state", "running", timeout=60_000)
        before = wait_until(self.line_count, 30, "for a first line")
        wait_until(lambda: self.line_count() >= before + lines, 30, "for the view to go on")

    def save(self) -> None:
        """Save the notebook with the view in it."""
        self.command("docmanager:save")
        wait_until(lambda: "vnd.gpurun.run" in self.file.read_text())

    def reload(self) -> None:
        """Load the page again; the kernel may be busy."""
        self.page.reload(wait_until="domcontentloaded")

    def run_cell(self, index: int) -> None:
        """Run a cell without waiting for its end."""
        select = (
            "index => { const n = jupyterapp.shell.currentWidget.content; n.activeCellIndex = index; n.deselectAll(); }"
        )
        self.page.evaluate(select, index)
        self.command("notebook:run-cell")

    def command(self, name: str, args: dict[str, Any] | None = None) -> None:
        """Start one of JupyterLab's commands."""
        self.page.evaluate("([name, args]) => { jupyterapp.commands.execute(name, args); }", [name, args or {}])

    def cell_ended(self, index: int, timeout_s: float = 60) -> None:
        """Wait until the cell has its number. (The kernel's status would not do: a comm message makes it idle.)"""
        prompt = self.page.locator(".jp-Notebook .jp-CodeCell").nth(index).locator(".jp-InputPrompt")
        expect(prompt).to_have_text(re.compile(r"\[\d+\]:"), timeout=timeout_s * 1000)

    def screenshot(self, name: str) -> Path:
        """Keep what the page looks like."""
        path = self.lab.folder / "screenshots" / f"{self.name}-{name}.png"
        path.parent.mkdir(exist_ok=True)
        self.page.screenshot(path=path)
        return path


class NotebookPage(LabPage):
    """The same in Notebook 7."""

    def _path(self) -> str:
        return f"notebooks/{self.name}.ipynb?"


P = TypeVar("P", bound=LabPage)


@contextmanager
def new_page(browser: Browser, lab: JupyterServer, name: str, kind: type[P] = LabPage) -> Iterator[P]:
    """A page that knows of no other; it leaves a screenshot beside the server's log."""
    with browser.new_context(viewport=VIEWPORT) as context:
        page = kind(context.new_page(), lab, name)
        yield page
        page.screenshot("last")
