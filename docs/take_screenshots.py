"""Takes the pictures in docs/images on a real JupyterLab: `.venv/bin/python docs/take_screenshots.py [FOLDER]`.

The few that the documentation shows go there; with a folder, every page in both themes and two widths goes to that one,
for somebody who wants to look at all of them after a change.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from lab_pages import LabPage, make_lab  # noqa: E402 - found through the line above
from machines import Machine  # noqa: E402
from servers import JupyterServer, wait_until  # noqa: E402

IMAGES = ROOT / "docs" / "images"
CHOSEN = {
    "sidebar-light-1280",
    "sidebar-dark-1280",
    "add-machine-light-1280",
    "overview-light-1280",
    "runs-light-1280",
    "compare-dark-1280",
    "run-light-1280",
    "models-dark-1280",
}
THEMES = ("Light", "Dark")
SIZES = ((1280, 800), (1920, 1080))
COLOURS = 256  # of a picture: enough for pages, and a third of the bytes
DRAWN_MS = 1500  # charts and lists draw what they have asked for

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

#: A training on digits whose parameters are environment variables.
DIGITS = """import os, pickle, time
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from gpurun_jupyter import report

x, y = load_digits(return_X_y=True)
model = MLPClassifier((int(os.environ["HIDDEN"]),), learning_rate_init=float(os.environ["LR"]), random_state=0)
for epoch in report.track(range(int(os.environ["EPOCHS"])), "epochs"):
    for batch in np.array_split(np.random.permutation(1200), 8):
        model.partial_fit(x[batch], y[batch], classes=range(10))
    report.log(step=epoch, loss=model.loss_, val_acc=model.score(x[1200:], y[1200:]))
    print(f"epoch {epoch}: loss {model.loss_:.4f}")
    time.sleep(float(os.environ["PAUSE"]))
if hasattr(report, "save_model"):
    with open("model.pkl", "wb") as file:
        pickle.dump(model, file)
    report.save_model("model.pkl", name="digits", val_acc=model.score(x[1200:], y[1200:]))"""


@dataclass
class Shown:
    """A page: its name, the command that opens it, the command's arguments."""

    name: str
    command: str
    arguments: dict[str, Any]


def main() -> None:
    """Start JupyterLab, let it run things, take the pictures."""
    folder = Path(tempfile.mkdtemp())
    everything = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    lab = make_lab(folder / "lab").start()
    machine = Machine(folder / "machine")
    try:
        with sync_playwright() as playwright:
            path = os.environ.get("CHROMIUM") or shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            first_run(LabPage(browser.new_page(viewport={"width": 1180, "height": 620}), lab, "first-run"))
            for run in lab.http.get("runs", params={"limit": 100}).json()["runs"]:
                if run["state"] != "finished":
                    lab.http.post(f"runs/{run['id']}/cancel", json={"kill": True})
            machine.join(lab, "--name", "lab-a100")
            all_pages(LabPage(browser.new_page(), lab, "pages"), fill(lab), everything)
            browser.close()
    finally:
        machine.close()
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
    save(page, IMAGES / "first-run.png")


def fill(lab: JupyterServer) -> list[str]:
    """Runs in every state; the ids of those that have trained."""
    trained = [train(lab, f"digits-{number}", lr=lr) for number, lr in enumerate((0.0005, 0.002, 0.01, 0.05))]
    broken = lab.submit("open('digits.csv')", name="digits-csv", project="digits")
    for run_id in [*trained, broken]:
        lab.wait(run_id, timeout_s=180)
    lab.wait(train(lab, "vit-small", lr=0.001, epochs=400, pause=0.5, on="lab-a100"), "running")
    at_work = [train(lab, name, lr=0.001, epochs=400, pause=0.5) for name in ("digits-cnn", "bert-ft")]
    for run_id in at_work:
        lab.wait(run_id, "running")
        wait_until(lambda run_id=run_id: (lab.run(run_id)["progress"] or {}).get("left_s"), 30, "for a time left")
    for name in ("sweep-lr-3", "resnet", "unet"):
        lab.submit("1", name=name, project="vision")
    return trained


def train(lab: JupyterServer, name: str, *, lr: float, epochs: int = 40, pause: float = 0.02, on: str = "") -> str:
    env = {"LR": str(lr), "HIDDEN": "64", "EPOCHS": str(epochs), "PAUSE": str(pause)}
    return lab.submit(DIGITS, name=name, project="digits", env=env, on=on or None)


def all_pages(lab_page: LabPage, trained: list[str], everything: Path | None) -> None:
    """Each page in each theme and width."""
    page = lab_page.page
    lab_page.open_lab()
    lab_page.command("gpurun:show-panel")
    shown = [
        Shown("overview", "gpurun:open-overview", {}),
        Shown("runs", "gpurun:open-runs", {}),
        Shown("compare", "gpurun:compare-runs", {"runs": trained}),
        Shown("run", "gpurun:open-run", {"run": trained[1]}),
        Shown("launch", "gpurun:open-launch", {}),
        Shown("models", "gpurun:open-model", {"name": "digits"}),
    ]
    offered = [one for one in shown if page.evaluate("id => jupyterapp.commands.hasCommand(id)", one.command)]
    for theme in THEMES:
        lab_page.set_theme(theme)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            for one in offered:
                lab_page.command(one.command, one.arguments)
                page.wait_for_timeout(DRAWN_MS)
                keep(page, f"{one.name}-{theme.lower()}-{width}", everything)
            keep(page, f"sidebar-{theme.lower()}-{width}", everything, selector="#gpurun-panel")
            lab_page.command("gpurun:add-machine")
            keep(page, f"add-machine-{theme.lower()}-{width}", everything, selector=".jp-Dialog-content")
            page.keyboard.press("Escape")


def keep(page: Page, name: str, everything: Path | None, selector: str | None = None) -> None:
    """The picture where it is wanted: in the documentation, in the folder of all."""
    for folder in [IMAGES if name in CHOSEN else None, everything]:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            save(page, folder / f"{name}.png", selector)


def save(page: Page, path: Path, selector: str | None = None) -> None:
    """Of the page, or of one element, with few colours."""
    (page.locator(selector) if selector else page).screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


if __name__ == "__main__":
    main()
