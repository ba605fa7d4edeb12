"""A script that nobody changed: epochs, the loss and the time left, under its cell and on its page."""

from __future__ import annotations

import re

import pytest
from lab_pages import LabPage
from playwright.sync_api import expect
from servers import JupyterServer

#: As PyTorch's MNIST example has it.
TRAIN = """
import argparse, os, time
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=14)
args = parser.parse_args()
for epoch in range(1, args.epochs + 1):
    for batch in range(10):
        if epoch == 2 and batch == 5:
            while not os.path.exists("{go}"):
                time.sleep(0.05)
        print("Train Epoch: {{}} [{{}}/{{}} ({{:.0f}}%)]\\tLoss: {{:.6f}}".format(
            epoch, batch * 64, 640, 10 * batch, 1 / (10 * epoch + batch)))
        time.sleep(0.03)
    print("\\nTest set: Average loss: {{:.4f}}, Accuracy: {{}}/{{}} ({{:.0f}}%)\\n".format(1 / epoch, 300, 360, 83))
"""


@pytest.fixture
def script(lab: JupyterServer) -> str:
    folder = lab.folder / "mnist"
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(TRAIN.format(go=lab.folder / "go-on"))
    return str(folder)


def test_epochs_the_loss_and_the_time_left(lab_page: LabPage, script: str, lab: JupyterServer) -> None:
    submit = f"%gpurun submit main.py --dir {script} --name mnist --wait -- --epochs 3"
    lab_page.open_notebook("%load_ext gpurun_jupyter", submit)
    lab_page.run_cell(0)
    lab_page.run_cell(1)
    view = lab_page.view
    expect(view).to_contain_text("epochs", timeout=30_000)
    expect(view).to_contain_text("1/3")
    expect(view).to_contain_text("left")
    lab_page.screenshot("under-the-cell")
    run_id = lab.run("mnist")["id"]
    lab_page.command("gpurun:open-run", {"run": run_id, "tab": "charts"})
    page = lab_page.page.locator(f"#gpurun-run-{run_id}")
    loss = page.get_by_role("group", name="Loss", exact=True)
    expect(loss.locator("canvas")).to_be_visible(timeout=30_000)
    lab_page.screenshot("its-page")
    (lab.folder / "go-on").touch()
    lab.wait(run_id)
    told = re.compile("mnist: from 0.100 to 0.0256")
    expect(loss.get_by_role("img")).to_have_attribute("aria-label", told, timeout=20_000)
    lab_page.screenshot("after-its-end")


def test_parameters_that_the_code_logged(lab_page: LabPage, lab: JupyterServer) -> None:
    run_id = lab.submit("open('hparams.yaml', 'w').write('lr: 0.01\\noptimizer: adam\\n')", name="logs-parameters")
    lab.wait(run_id)
    lab_page.open_lab()
    lab_page.command("gpurun:open-run", {"run": run_id, "tab": "config"})
    table = lab_page.page.get_by_role("table", name="Parameters that its code logged")
    expect(table).to_contain_text("optimizer", timeout=30_000)
    expect(table).to_contain_text("0.01")
    lab_page.screenshot("logged-parameters")
