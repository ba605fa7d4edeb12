"""A page of JupyterLab, and what tests do on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Page, expect
from servers import TOKEN, JupyterServer

#: A cell that trains for six seconds.
TRAINING = """%%gpurun --name {name}
import time
from tqdm import tqdm
for step in tqdm(range(40), desc="epoch"):
    if step % 4 == 0:
        print("line", step, flush=True)
    time.sleep(0.15)
"the end\""""

#: Ready to take a cell: earlier, an execution may be lost while the session starts.
READY = """() => {
  const widget = window.jupyterapp?.shell?.currentWidget;
  const session = widget?.context?.sessionContext;
  const kernel = session?.session?.kernel;
  return session?.isReady && kernel?.status === 'idle' && kernel?.connectionStatus === 'connected'
    && widget.content?.widgets?.length > 0;
}"""


class LabPage:
    """What tests do in JupyterLab."""

    def __init__(self, page: Page, lab: JupyterServer, name: str) -> None:
        self.page = page
        self.lab = lab
        self.name = name
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open_notebook(self, *cells: str) -> None:
        """Write a notebook with these cells and open it."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.lab.folder / "files" / f"{self.name}.ipynb")
        path = f"lab/workspaces/{self.name}/tree/{self.name}.ipynb"
        self.page.goto(f"{self.lab.url}{path}?token={TOKEN}&reset", wait_until="domcontentloaded")
        self.page.wait_for_function(READY, timeout=90_000)

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
