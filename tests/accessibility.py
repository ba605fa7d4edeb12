"""What axe-core finds wrong with a part of a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).parents[1] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = ("serious", "critical")

#: Animations that end have ended; others, such as a spinner, go on.
SETTLED = """() => Promise.allSettled(document.getAnimations()
  .filter(one => Number.isFinite(one.effect.getComputedTiming().endTime)).map(one => one.finished))"""
FIND = "selector => axe.run(selector, {resultTypes: ['violations']}).then(found => found.violations)"


def check(page: Page, selector: str = "body") -> None:
    """Assert that nothing within `selector` is a serious or critical fault.

    An overlay that fades in is looked at when it is there: what is half transparent has too little contrast.
    """
    page.wait_for_selector(selector)
    if not page.evaluate("'axe' in window"):
        page.evaluate(f"{AXE.read_text()}; undefined")
    page.evaluate(SETTLED)
    faults = [fault for fault in page.evaluate(FIND, selector) if fault["impact"] in SERIOUS]
    assert not faults, "\n".join(_sentence(fault) for fault in faults)


def _sentence(fault: dict[str, Any]) -> str:
    where = "; ".join(f"{node['html'][:200]} ({node['failureSummary']})" for node in fault["nodes"][:3])
    return f"{fault['impact']} {fault['id']}: {fault['help']}, {len(fault['nodes'])} times: {where}"
