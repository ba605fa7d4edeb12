"""Where a notebook lies: among the files of a Jupyter server, or elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpurun_jupyter.core.origins import below, of_notebook


@pytest.mark.parametrize(
    ("notebook", "path"),
    [
        ("{root}/a.ipynb", "a.ipynb"),
        ("{root}/sub/b c.ipynb", "sub/b c.ipynb"),
        ("{root}/sub/../a.ipynb", "a.ipynb"),
        ("a.ipynb", "a.ipynb"),
        ("{root}/../other/a.ipynb", None),
        ("../a.ipynb", None),
        ("/a.ipynb", None),
        ("{root}2/a.ipynb", None),
        ("{root}", None),
        ("", None),
    ],
)
def test_a_notebook_is_below_a_directory_or_not(tmp_path: Path, notebook: str, path: str | None) -> None:
    root = tmp_path / "root"
    root.mkdir()
    assert below(str(root), notebook.format(root=root)) == path


def test_a_directory_that_is_a_link_holds_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert below(str(tmp_path / "root"), str(tmp_path / "real" / "a.ipynb")) == "a.ipynb"
    assert below(str(tmp_path / "real"), str(tmp_path / "root" / "a.ipynb")) == "a.ipynb"


def test_a_path_that_is_too_long_is_no_origin(tmp_path: Path) -> None:
    found = of_notebook(tmp_path / "a.ipynb")
    assert found is not None
    assert found.notebook == str(tmp_path / "a.ipynb")
    assert of_notebook(tmp_path / ("a" * 1000)) is None
