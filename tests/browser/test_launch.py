"""The Launch page: a launch file that is checked as it is written, and queued."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import accessibility
import pytest
from lab_pages import VIEWPORT, LabPage, new_page
from playwright.sync_api import Browser, Locator, expect
from servers import JupyterServer, wait_until

SCRIPT = "import sys\nprint('arguments', sys.argv[1:])\n"
FILE = """\
# how much does depth help
entry: train.py
dir: .
values:
  lr: [0.1, 0.01]   # as in the paper
  depth: [2, 4]
"""


class LaunchPage(LabPage):
    """What tests do on the page."""

    @property
    def node(self) -> Locator:
        return self.page.locator(".gpurun-launch:visible")

    @property
    def editor(self) -> Locator:
        return self.node.locator(".cm-content")

    @property
    def told(self) -> Locator:
        return self.node.locator(".gpurun-launch-told")

    @property
    def status(self) -> Locator:
        return self.node.get_by_role("status")

    def open(self, text: str, **more: str) -> None:
        """A new page with this text; the ones before are closed."""
        open_ = """async args => {
          for (const widget of [...jupyterapp.shell.widgets('main')]) widget.close();
          await jupyterapp.commands.execute('gpurun:open-launch', args);
        }"""
        self.page.evaluate(open_, {"yaml": text, **more})
        expect(self.editor).to_be_visible()
        self.checked()

    def execute(self, args: dict[str, str]) -> None:
        """Open a page beside those that are there."""
        self.page.evaluate("async args => { await jupyterapp.commands.execute('gpurun:open-launch', args); }", args)

    def checked(self) -> None:
        """Wait until the server has said something of the text as it is."""
        expect(self.told).to_have_attribute("aria-busy", "false", timeout=20_000)

    def type_at(self, line: int, text: str) -> None:
        """Write at the end of a line."""
        self.node.locator(".cm-line").nth(line - 1).click()
        self.page.keyboard.press("End")
        self.page.keyboard.type(text)

    def text(self) -> str:
        return self.page.evaluate("jupyterapp.shell.currentWidget.content.model.text")

    def side(self, name: str) -> None:
        self.node.get_by_role("tab", name=name).click()


@pytest.fixture(scope="module")
def launch(lab_below: JupyterServer, browser: Browser) -> Iterator[LaunchPage]:
    """One page for all tests of this file, and a folder with a launch file."""
    folder = lab_below.folder / "files" / "exp"
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    (folder / "lr.gpurun.yaml").write_text(FILE)
    with new_page(browser, lab_below, "launch", LaunchPage) as page:
        page.page.emulate_media(reduced_motion="reduce")
        page.open_lab()
        yield page
    assert page.errors == []


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("entry: train.py\ngpu: 1\nname: a: b\n", 3, "This is not YAML"),
        ("entry: train.py\n\ngpu: two\n", 3, "gpu has to be a whole number from 0 to 1024"),
        ("entry: train.py\nvalues: {lr: 1}\nhold: true\ngpus: 2\n", 4, "Did you mean 'gpu'?"),
        ("dir: ../..\nentry: train.py\n", 1, "not below the directory that Jupyter serves"),
    ],
    ids=["malformed", "wrong-type", "unknown-key", "outside"],
)
def test_each_problem_stands_at_its_line(launch: LaunchPage, text: str, line: int, words: str) -> None:
    launch.open(text, path="exp/x.gpurun.yaml")
    expect(launch.told).to_contain_text(words)
    expect(launch.told).to_contain_text(f"Line {line}, column ")
    marker = launch.node.locator(".cm-lint-marker-error")
    expect(marker).to_have_count(1)
    of_line = launch.node.locator(".cm-lineNumbers .cm-gutterElement", has_text=re.compile(rf"^{line}$"))
    assert abs(marker.bounding_box()["y"] - of_line.bounding_box()["y"]) < 12
    expect(launch.node.get_by_role("button", name="Add to Queue")).to_be_disabled()


def test_problems_come_and_go_as_it_is_written_and_lead_to_their_place(launch: LaunchPage) -> None:
    launch.open("entry: train.py\ndir: .\ngpu: 0\n", path="exp/x.yaml")
    expect(launch.told).to_contain_text("1 run")
    launch.type_at(3, "x")
    expect(launch.told).to_contain_text("Line 3, column 6")
    launch.screenshot("problem")
    accessibility.check(launch.page, ".gpurun-launch")
    launch.node.get_by_role("button", name="Line 3, column 6").click()
    launch.page.keyboard.press("Delete")
    launch.page.keyboard.press("Delete")
    launch.page.keyboard.type("0")
    expect(launch.told).to_contain_text("1 run")
    expect(launch.node.locator(".cm-lint-marker-error")).to_have_count(0)


def test_completion_offers_what_the_schema_knows(launch: LaunchPage) -> None:
    launch.open("entry: train.py\n", path="exp/x.yaml")
    launch.type_at(2, "pri")
    offers = launch.page.locator(".cm-tooltip-autocomplete")
    expect(offers).to_contain_text("priority")
    expect(launch.page.locator(".cm-completionInfo")).to_contain_text("Higher starts earlier")
    launch.screenshot("completion")
    launch.page.keyboard.press("Enter")
    wait_until(lambda: launch.text() == "entry: train.py\npriority: ", what="for the completion")


def test_the_editor_searches(launch: LaunchPage) -> None:
    launch.open(FILE, path="exp/lr.gpurun.yaml")
    launch.editor.click()
    launch.page.keyboard.press("Control+f")
    launch.page.keyboard.type("depth")
    expect(launch.node.locator(".cm-searchMatch").first).to_be_visible()
    launch.screenshot("search")
    launch.page.keyboard.press("Escape")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_the_grid_is_shown_before_it_is_queued(launch: LaunchPage, theme: str) -> None:
    launch.set_theme(theme)
    launch.open(FILE, path="exp/lr.gpurun.yaml")
    expect(launch.told).to_contain_text("4 runs")
    expect(launch.told).to_contain_text("train.py --lr 0.1 --depth 2")
    expect(launch.told).to_contain_text("2 files")
    rows = launch.told.locator("tbody tr")
    expect(rows).to_have_count(4)
    assert [cell.inner_text() for cell in rows.nth(2).locator("th, td").all()[:3]] == ["3", "0.01", "2"]
    accessibility.check(launch.page, ".gpurun-launch")
    launch.screenshot(f"grid-{theme}")
    launch.side("Form")
    accessibility.check(launch.page, ".gpurun-launch")
    launch.screenshot(f"form-{theme}")


def test_what_is_queued_runs_and_run_now_too(launch: LaunchPage) -> None:
    launch.set_theme("Light")
    launch.open(FILE, path="exp/lr.gpurun.yaml")
    launch.node.get_by_role("button", name="Add to Queue").click()
    expect(launch.status).to_contain_text("4 runs of lr are in the queue.", timeout=15_000)
    launch.screenshot("queued")
    assert launch.lab.wait("lr%2F4")["outcome"] == "succeeded"
    assert "arguments ['--lr', '0.01', '--depth', '4']" in launch.lab.log("lr%2F4")

    launch.open("code: print('now')\nname: now\n")
    launch.node.get_by_role("button", name="Run Now").click()
    expect(launch.status).to_contain_text("now is in the queue.", timeout=15_000)
    launch.node.get_by_role("button", name="Show the run").click()
    expect(launch.page.locator(".jp-MainAreaWidget:visible")).to_contain_text("now", timeout=15_000)
    assert launch.lab.wait("now")["outcome"] == "succeeded"


def test_the_form_and_the_yaml_are_the_same_content(launch: LaunchPage) -> None:
    launch.open(FILE, path="exp/lr.gpurun.yaml")
    launch.side("Form")
    row = launch.node.locator
    row("[data-option=gpu] input").fill("0")
    row("[data-option=args] textarea").fill("--epochs\n3")
    row("[data-option=values]").get_by_label("Value of depth").fill("2, 4, 8")
    row("[data-option=values]").get_by_label("New name").fill("seed")
    row("[data-option=values]").get_by_label("New value").fill("7")
    launch.page.keyboard.press("Enter")
    expect(launch.told).to_contain_text("6 runs")
    launch.side("YAML")
    text = launch.text()
    assert text.startswith("# how much does depth help\n")
    for line in ("lr: [0.1, 0.01] # as in the paper", "depth: [2, 4, 8]", "seed: 7", "gpu: 0", "args: [--epochs"):
        assert line in text.replace('"', ""), (line, text)

    launch.type_at(2, "\nproject: vision")
    launch.side("Form")
    expect(launch.node.locator("[data-option=project] input")).to_have_value("vision")
    launch.node.locator("[data-option=gpu] input").fill("5000")
    expect(launch.node.locator("[data-option=gpu]")).to_contain_text("gpu has to be")
    launch.node.locator("[data-option=gpu] input").fill("")
    expect(launch.told).to_contain_text("6 runs")
    assert "gpu" not in launch.text()


def test_unsaved_text_comes_back_with_the_layout(launch: LaunchPage) -> None:
    launch.open(FILE, path="exp/lr.gpurun.yaml")
    launch.type_at(3, "\nproject: kept")
    wait_until(lambda: "kept" in str(launch.page.evaluate(SAVED)), what="for the layout to be saved")
    launch.page.goto(f"{launch.lab.url}lab/workspaces/launch", wait_until="domcontentloaded")
    expect(launch.editor).to_contain_text("project: kept", timeout=15_000)
    expect(launch.told).to_contain_text("4 runs", timeout=20_000)


SAVED = """async () => {
  const workspaces = jupyterapp.serviceManager.workspaces;
  const found = await workspaces.fetch('launch');
  return JSON.stringify(found.data);
}"""


def test_a_file_is_opened_and_saved(launch: LaunchPage) -> None:
    launch.open("code: print(1)\n")
    launch.page.get_by_role("button", name="Save…").click()
    launch.page.locator(".jp-Dialog input").fill("saved")
    accessibility.check(launch.page, ".jp-Dialog")
    launch.page.locator(".jp-Dialog .jp-mod-accept").click()
    saved: Path = launch.lab.folder / "files" / "saved.gpurun.yaml"
    wait_until(lambda: saved.exists() and saved.read_text() == "code: print(1)\n", what="for the file")
    expect(launch.page.get_by_role("tab", name="saved.gpurun.yaml")).to_be_visible()
    expect(launch.editor).to_contain_text("print(1)")

    launch.execute({"path": "exp/lr.gpurun.yaml"})
    expect(launch.told).to_contain_text("4 runs")
    launch.type_at(1, ", and width")
    launch.checked()
    launch.page.keyboard.press("Control+s")
    file = launch.lab.folder / "files" / "exp" / "lr.gpurun.yaml"
    wait_until(lambda: ", and width" in file.read_text(), what="for the file")
    launch.page.wait_for_function("!jupyterapp.shell.currentWidget.context.model.dirty")
    launch.page.evaluate("jupyterapp.shell.currentWidget.close()")
    launch.page.evaluate(
        "async () => { await jupyterapp.commands.execute('filebrowser:open-path', {path: 'exp/lr.gpurun.yaml'}); }"
    )
    expect(launch.editor).to_contain_text("and width")


def test_a_run_is_edited_and_run_again(launch: LaunchPage) -> None:
    lab = launch.lab
    body = {"yaml": FILE, "path": "exp/again.gpurun.yaml"}
    (run, *_) = lab.http.post("launch", json=body).json()["runs"]
    launch.execute({"run": run["id"]})
    expect(launch.editor).to_contain_text(f"files_of: {run['id']}")
    launch.checked()
    expect(launch.told).to_contain_text("train.py --lr 0.1 --depth 2")
    launch.screenshot("again")
    launch.node.get_by_role("button", name="Add to Queue").click()
    expect(launch.status).to_contain_text("again is in the queue.", timeout=15_000)
    again = lab.wait("again")
    assert (again["outcome"], again["rerun_of"]) == ("succeeded", run["id"])


def test_it_works_where_it_is_narrow(launch: LaunchPage) -> None:
    launch.open(FILE, path="exp/lr.gpurun.yaml")
    launch.page.set_viewport_size({"width": 700, "height": 900})
    try:
        expect(launch.told).to_contain_text("4 runs")
        left, right = (launch.node.locator(f".gpurun-launch-{name}").bounding_box() for name in ("left", "preview"))
        assert right["y"] >= left["y"] + left["height"] - 1
        launch.screenshot("narrow")
    finally:
        launch.page.set_viewport_size(VIEWPORT)
