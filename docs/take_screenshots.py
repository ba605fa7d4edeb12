"""Takes the pictures in docs/images on a real JupyterLab: `.venv/bin/python docs/take_screenshots.py`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from lab_pages import LabPage, make_lab  # noqa: E402 - found through the line above

IMAGES = ROOT / "docs" / "images"
LOAD = "%load_ext gpurun_jupyter"
TRAIN = """%%gpurun --name digits-mlp
import numpy as np, time
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from gpurun_jupyter import report

x, y = load_digits(return_X_y=True)
model = MLPClassifier((64,), random_state=0)
for epoch in report.track(range(60), "epochs"):
    for batch in np.array_split(np.random.permutation(len(x)), 8):
        model.partial_fit(x[batch], y[batch], classes=range(10))
    report.log(step=epoch, loss=model.loss_, acc=model.score(x, y))
    print(f"epoch {epoch}: loss {model.loss_:.4f}")
    time.sleep(0.2)"""


def main() -> None:
    """Start JupyterLab, run a cell, take the pictures."""
    folder = Path(tempfile.mkdtemp())
    lab = make_lab(folder).start()
    try:
        with sync_playwright() as playwright:
            path = os.environ.get("CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1180, "height": 620})
            first_run(LabPage(page, lab, "first-run"))
            browser.close()
    finally:
        lab.close()
        shutil.rmtree(folder)


def first_run(lab_page: LabPage) -> None:
    """A cell in the middle of its training, one run before it, one in the queue."""
    lab, page = lab_page.lab, lab_page.page
    lab.wait(lab.submit("from gpurun_jupyter import report; report.log(step=1, acc=0.971)", name="digits-svm"))
    lab_page.open_notebook(LOAD, TRAIN)
    lab_page.command("gpurun:show-panel")
    lab_page.run_cell(0)
    lab_page.cell_ended(0)
    lab_page.run_cell(1)
    view = page.locator(".jp-Notebook .gpurun-view")
    expect(view).to_have_attribute("data-state", "running", timeout=40_000)
    lab.submit("import time; time.sleep(60)", name="sweep-lr")
    lab.submit("1", name="resnet")
    expect(view).to_contain_text("epoch 21:", timeout=40_000)
    page.screenshot(path=IMAGES / "first-run.png")


if __name__ == "__main__":
    main()
