"""The model registry in JupyterLab: its section in the sidebar, its dialogs, the page of a model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from accessibility import check
from lab_pages import LabPage, make_lab, new_page
from playwright.sync_api import Browser, Locator, Page, expect
from servers import TOKEN, JupyterServer

from gpurun_jupyter.client import Client
from gpurun_jupyter.core.home import Home

SAVE = """
from gpurun_jupyter import report
for acc in {accs}:
    open("model.pt", "w").write(f"weights {{acc}}")
    report.save_model("model.pt", name="{name}", acc=acc, loss=1 - acc, framework="torch")
"""
PANEL, SECTION = "#gpurun-panel", "#gpurun-panel .gpurun-models"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server whose registry is empty, below another base URL."""
    with closing(make_lab(tmp_path_factory.mktemp("models"), base_url="/x/y/").start()) as server:
        yield server


@pytest.fixture(scope="module")
def opened(lab: JupyterServer, browser: Browser) -> Iterator[LabPage]:
    with new_page(browser, lab, "models") as page:
        page.open_lab()
        page.command("gpurun:show-panel")
        yield page


@pytest.fixture
def client(lab: JupyterServer) -> Client:
    return Client(lab.url, TOKEN)


def save(lab: JupyterServer, name: str, *accs: float) -> str:
    run_id = lab.submit(SAVE.format(name=name, accs=accs), name=f"train-{name}")
    assert lab.wait(run_id)["outcome"] == "succeeded"
    return run_id


def row(opened: LabPage, name: str) -> Locator:
    return opened.page.locator(f"{SECTION} .gpurun-model[data-model={name}]")


def show(opened: LabPage, name: str) -> Locator:
    """The page of a model."""
    opened.command("gpurun:open-model", {"name": name})
    shown = opened.page.locator(f"#gpurun-model-{name}")
    expect(shown.locator("h1")).to_have_text(name)
    return shown


def menu_item(page: Page, text: str) -> Locator:
    return page.locator(".lm-Menu-item", has_text=re.compile(f"^{text}"))


def test_the_section_teaches_then_shows_models_live(opened: LabPage, lab: JupyterServer, client: Client) -> None:
    page = opened.page
    expect(page.locator(SECTION)).to_contain_text("report.save_model", timeout=20_000)
    check(page, PANEL)
    opened.screenshot("empty")
    save(lab, "digits", 0.9, 0.97123)
    expect(row(opened, "digits")).to_contain_text("v2 · acc 0.971")
    client.models.promote("digits", 2)
    expect(row(opened, "digits")).to_contain_text("v2 release · acc 0.971")
    check(page, PANEL)
    opened.screenshot("section")


def test_a_version_is_promoted_by_keyboard(opened: LabPage, lab: JupyterServer, client: Client) -> None:
    page = opened.page
    save(lab, "keyed", 0.5)
    row(opened, "keyed").locator(".gpurun-model-open").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(menu_item(page, "Promote v1")).to_be_visible()
    check(page, ".lm-Menu")
    opened.screenshot("menu")
    menu = page.locator(".lm-Menu")
    for active in ("Open Model", "Promote v1…"):
        menu.press("ArrowDown")
        expect(menu.locator(".lm-mod-active")).to_have_text(active)
    menu.press("Enter")
    dialog = page.locator(".jp-Dialog-content", has_text="Promote keyed v1")
    field = dialog.locator("[data-field=alias]")
    expect(field).to_have_value("release")
    check(page, ".jp-Dialog")
    field.fill("v1")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("'v1' cannot be an alias")
    opened.screenshot("refused")
    dialog.locator("[data-field=alias]").fill("dev")
    page.keyboard.press("Enter")
    expect(row(opened, "keyed")).to_contain_text("v1 dev")
    assert client.models.show("keyed").aliases == {"dev": 1}


def test_a_file_of_a_run_is_registered(opened: LabPage, lab: JupyterServer, client: Client) -> None:
    page = opened.page
    run_id = lab.submit("open('net.pt', 'w').write('w'); open('notes.txt', 'w').write('n')", name="left-net")
    assert lab.wait(run_id)["outcome"] == "succeeded"
    opened.command("gpurun:register-model", {"run": run_id})
    dialog = page.locator(".jp-Dialog-content")
    expect(dialog.locator("[data-field=path]")).to_have_value("net.pt")
    expect(dialog.locator("[data-field=name]")).to_have_value("net")
    check(page, ".jp-Dialog")
    opened.screenshot("register")
    dialog.locator("[data-field=name]").fill("a/b")
    dialog.get_by_role("button", name="Register").click()
    expect(dialog.get_by_role("alert")).to_contain_text("cannot be the name of a model")
    dialog.locator("[data-field=name]").fill("from-a-run")
    dialog.locator("[data-field=type]").fill("classifier")
    dialog.get_by_role("button", name="Register").click()
    shown = page.locator("#gpurun-model-from-a-run")
    expect(shown.locator("header")).to_contain_text("classifier · 1 version")
    expect(shown.locator(".gpurun-version")).to_contain_text("left-net")
    assert client.models.get("from-a-run").run_id == run_id
    shown.get_by_role("button", name="From the run left-net").click()
    expect(page.locator(f"[id*='gpurun-run-{run_id}']").first).to_be_visible()


def test_versions_are_compared_described_archived_and_deleted(
    opened: LabPage, lab: JupyterServer, client: Client
) -> None:
    page = opened.page
    save(lab, "several", 0.9, 0.95, 0.93)
    shown = show(opened, "several")
    expect(shown.locator(".gpurun-version")).to_have_count(3)
    for theme in ("Light", "Dark"):
        opened.set_theme(theme)
        check(page, "#gpurun-model-several")
        check(page, PANEL)
        opened.screenshot(f"page-{theme}")
    for version in (1, 2):
        shown.get_by_label(f"Compare v{version}").check()
    compared = shown.locator(".gpurun-comparison")
    expect(compared.locator("tr", has_text="acc")).to_contain_text("+0.05")
    check(page, "#gpurun-model-several")
    opened.screenshot("compared")
    opened.set_theme("Light")
    compared.get_by_role("button", name="Close").click()

    shown.get_by_role("button", name="v2", exact=True).click()
    shown.get_by_role("button", name="Describe").click()
    page.locator(".jp-Dialog [data-field=description]").fill("The good one.")
    page.keyboard.press("Enter")
    expect(shown.locator(".gpurun-version-detail")).to_contain_text("The good one.")
    client.models.promote("several", 2)
    oldest = shown.locator(".gpurun-version[data-version='1']")
    oldest.click(button="right")
    menu_item(page, "Archive v1").click()
    expect(oldest).to_contain_text("archived")
    oldest.click(button="right")
    expect(menu_item(page, "Make v1 Ready")).to_be_visible()
    menu_item(page, "Delete v1").click()
    check(page, ".jp-Dialog")
    page.locator(".jp-Dialog .jp-mod-warn").click()
    expect(oldest).to_have_count(0)
    shown.locator(".gpurun-version[data-version='2']").click(button="right")
    menu_item(page, "Delete v2").click()
    page.locator(".jp-Dialog .jp-mod-warn").click()
    expect(page.locator(".jp-Dialog")).to_contain_text("'release' points to version 2 of several")
    page.keyboard.press("Escape")
    client.models.delete("several")
    expect(shown).to_contain_text("You have no model 'several'")
    expect(row(opened, "several")).to_have_count(0)


def test_files_are_saved_and_damaged_ones_refused(
    opened: LabPage, lab: JupyterServer, client: Client, tmp_path: Path
) -> None:
    page = opened.page
    save(lab, "saved", 0.75)
    shown = show(opened, "saved")
    with page.expect_download() as download:
        shown.get_by_role("link", name="model.pt").click()
    download.value.save_as(tmp_path / "got.pt")
    assert ((tmp_path / "got.pt").read_text(), download.value.suggested_filename) == ("weights 0.75", "model.pt")
    with page.expect_download() as download:
        shown.get_by_role("link", name="zip").click()
    assert download.value.suggested_filename == "saved-v1.zip"

    blob = Home(lab.home).blob((client.models.get("saved").files or [])[0].digest)
    blob.chmod(0o600)
    blob.write_text("weights 0.76")
    shown.get_by_role("link", name="model.pt").click()
    expect(page.locator(".jp-Dialog")).to_contain_text("Register the same files again")
    check(page, ".jp-Dialog")
    opened.screenshot("damaged")
    page.keyboard.press("Escape")


def test_the_page_comes_back_with_the_layout(opened: LabPage, lab: JupyterServer) -> None:
    save(lab, "again", 0.5)
    with opened.page.expect_request(lambda request: "gpurun-models:again" in (request.post_data or "")):
        show(opened, "again")
    opened.page.reload(wait_until="domcontentloaded")
    expect(opened.page.locator("#gpurun-model-again h1")).to_have_text("again", timeout=60_000)
    assert opened.errors == []
