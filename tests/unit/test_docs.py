"""The docs name everything there is: settings, events, options, verbs, routes; their links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest
from verbs import IN_PYTHON, ONLY_TYPED, examples

from gpurun_jupyter.cli.app import gpurun
from gpurun_jupyter.client import Client, Run
from gpurun_jupyter.core.events import Event
from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.notebook.cells import options_of_cell
from gpurun_server.app import GpurunApp
from gpurun_server.http.openapi import describe
from gpurun_server.http.routes import ROUTES

ROOT = Path(__file__).parents[2]
DOCS = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.md")}
TRACKED = [ROOT / name for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()]
SOURCES = [path for path in TRACKED if path.suffix in (".py", ".ts", ".tsx") and path.exists()]
LONGEST_FILE = 300
LONGEST_TEST = 400
#: Words with another name here: docs/architecture.md has the glossary.
FOREIGN_WORDS = re.compile(r"(?<![.])\b(job|jobs|worker|workers|utils|helper|helpers)\b", re.IGNORECASE)


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts if name.startswith("--")}


def test_every_verb_and_option_is_documented() -> None:
    for name, verb in gpurun.commands.items():
        assert f"gpurun {name}" in DOCS["using"]
        for option in options(verb) | options(options_of_cell):
            assert f"{option}" in DOCS["using"], (name, option)


def test_every_verb_has_an_example_and_a_method() -> None:
    assert {verb for verb, _ in examples()} == set(gpurun.commands) == set(IN_PYTHON) | ONLY_TYPED
    for path in IN_PYTHON.values():
        owner, name = (Run, path.partition(".")[2]) if path.startswith("Run.") else (Client, path)
        assert (getattr(owner, name).__doc__ or "").strip(), path


def test_every_verb_has_help() -> None:
    for verb in gpurun.commands.values():
        assert verb.help
        assert all(getattr(option, "help", "") for option in verb.params if isinstance(option, click.Option))


def test_every_event_and_its_fields_are_documented() -> None:
    for kind in Event.__subclasses__():
        row = next(line for line in DOCS["events"].splitlines() if f"| `{kind.__struct_config__.tag}`" in line)
        assert all(f"`{name}`" in row for name in set(kind.__struct_fields__) - {"t", "m"}), kind


def test_every_route_is_documented() -> None:
    for path, methods in describe(ROUTES)["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path.lstrip('/')}" in DOCS["http"], (method, path)


def test_every_setting_is_documented_and_has_help() -> None:
    own = GpurunApp.class_own_traits(config=True)
    assert own
    for name, trait in own.items():
        assert f"`GpurunApp.{name}`" in DOCS["settings"]
        assert trait.help


def test_every_environment_variable_of_ours_is_documented() -> None:
    pattern = re.compile(r"GPURUN_[A-Z_]+[A-Z]")
    internal = {
        "GPURUN_AGENT_LOCK",
        "GPURUN_REPORT",
        "GPURUN_BLOBS",
        "GPURUN_ROOM",
        "GPURUN_COMPLETE",
    }  # between our own processes, or a shell and click
    used = {name for path in SOURCES if "tests" not in path.parts for name in pattern.findall(path.read_text())}
    everything = "".join(DOCS.values())
    assert {name for name in used - internal if name not in everything} == set()


def test_the_glossary_names_every_state_and_outcome() -> None:
    for word in [*State, *Outcome]:
        assert word.value in DOCS["architecture"]


@pytest.mark.parametrize("page", sorted(path for path in TRACKED if path.suffix == ".md"), ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_files_named_in_the_architecture_exist() -> None:
    roots = [ROOT, ROOT / "gpurun_jupyter", ROOT / "server_ext" / "gpurun_server", ROOT / "labextension" / "src"]
    for name in re.findall(r"`([\w/.-]+\.(?:py|tsx?))`", DOCS["architecture"]):
        assert any((root / name).exists() for root in roots), name


def test_files_stay_short() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in SOURCES}
    longest = {path: LONGEST_TEST if path.parts[0] == "tests" else LONGEST_FILE for path in lengths}
    assert {str(path): count for path, count in lengths.items() if count > longest[path]} == {}


def test_our_own_words_are_used() -> None:
    own = [path for path in SOURCES if "tests" not in path.parts]
    assert [path.name for path in own if FOREIGN_WORDS.search(path.stem)] == []
    found = {path.name: match[0] for path in own if (match := FOREIGN_WORDS.search(path.read_text()))}
    assert found == {}
