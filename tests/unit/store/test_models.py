"""The registry without a server: versions, aliases, owners, and two changes at once on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from databases import empty_database

from gpurun_jupyter.core.errors import AliasMoved, GpurunError, InvalidRequest, ModelInUse, ModelNotFound, WrongState
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.models import Promotion, VersionChanges
from gpurun_server.store.database import Database
from gpurun_server.store.models import changes as model_changes
from gpurun_server.store.models import models
from gpurun_server.store.models.changes import Registration


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = empty_database(Home(tmp_path / "home"))
    yield database
    database.close()


def register(database: Database, name: str = "digits", owner: str = "anna", **fields: Any) -> tuple[int, bool]:
    fields = {"manifest": "a" * 64, "file_count": 1, "size_bytes": 10, **fields}
    with database.write() as writing:
        return model_changes.register(writing, owner, Registration(name=name, **fields))


def promote(database: Database, version: int | str, alias: str = "release", **fields: Any) -> int:
    with database.write() as writing:
        return model_changes.promote(writing, "anna", "digits", Promotion(version, alias, **fields))


def aliases(database: Database) -> dict[str, int]:
    with database.read() as conn:
        return models.aliases_of(conn, "anna", "digits")


def test_what_is_the_same_as_the_newest_is_no_new_version(database: Database) -> None:
    assert register(database, metrics={"acc": 0.9}) == (1, True)
    assert register(database, metrics={"acc": 0.9}) == (1, False)
    assert register(database, metrics={"acc": 0.8}) == (2, True)
    assert register(database, metrics={"acc": 0.9}) == (3, True)
    with database.write() as writing:
        model_changes.change(writing, "anna", "digits", "3", VersionChanges(status="archived"))
    assert register(database, metrics={"acc": 0.9}) == (4, True)


def test_one_event_registers_once(database: Database) -> None:
    assert register(database, origin="r1/1/0.5") == (1, True)
    assert register(database, manifest="b" * 64) == (2, True)
    assert register(database, origin="r1/1/0.5") == (1, False)


def test_the_number_of_a_deleted_version_is_not_given_again(database: Database) -> None:
    register(database)
    register(database, tags=["x"])
    with database.write() as writing:
        model_changes.delete_version(writing, "anna", "digits", "latest")
    assert register(database, tags=["x"]) == (3, True)


def test_aliases_point_and_protect(database: Database) -> None:
    register(database, alias="dev")
    register(database, tags=["second"])
    assert promote(database, "dev") == 1
    assert aliases(database) == {"dev": 1, "release": 1}
    assert promote(database, "v2", "dev") == 2
    assert aliases(database) == {"dev": 2, "release": 1}
    with (
        pytest.raises(ModelInUse, match=r"'release' points to version 1.*--remove release"),
        database.write() as writing,
    ):
        model_changes.delete_version(writing, "anna", "digits", "1")
    with pytest.raises(ModelInUse, match="'dev'"), database.write() as writing:
        model_changes.change(writing, "anna", "digits", "2", VersionChanges(status="archived"))
    with database.write() as writing:
        model_changes.drop_alias(writing, "anna", "digits", "dev")
        model_changes.change(writing, "anna", "digits", "2", VersionChanges(status="archived"))
    with pytest.raises(WrongState, match="archived"):
        promote(database, 2)
    assert aliases(database) == {"release": 1}


def test_of_two_promotions_at_once_one_is_told_that_the_other_was_there(database: Database) -> None:
    """Each believes what it saw before: that the alias points to version 1."""
    for number in range(1, 10):
        register(database, tags=[str(number)])
    promote(database, 1)

    def try_to(version: int) -> int | GpurunError:
        try:
            return promote(database, version, replaces=1)
        except AliasMoved as error:
            return error

    with ThreadPoolExecutor(8) as people:
        done = list(people.map(try_to, range(2, 10)))
    (winner,) = [version for version in done if isinstance(version, int)]
    assert aliases(database) == {"release": winner}
    assert all(str(error).startswith(f"'release' points to version {winner}") for error in done if error != winner)


def test_registering_at_once_gives_each_its_number(database: Database) -> None:
    with ThreadPoolExecutor(8) as people:
        done = list(people.map(lambda number: register(database, tags=[str(number)]), range(20)))
    assert sorted(number for number, _ in done) == list(range(1, 21))


def test_everyone_has_models_of_their_own(database: Database) -> None:
    register(database)
    register(database, owner="bob", tags=["his"])
    assert register(database, owner="bob") == (2, True)
    with database.read() as conn:
        assert [(one.name, one.latest) for one in models.summaries(conn, "anna")] == [("digits", 1)]
        assert models.model_of(conn, "bob", "digits").versions[-1].tags == ["his"]
        assert models.summaries(conn, "carol") == []
        with pytest.raises(ModelNotFound):
            models.version_of(conn, "anna", "digits", "2")
    with database.write() as writing:
        assert model_changes.delete_model(writing, "bob", "digits") == 2
    with database.read() as conn:
        assert models.model_of(conn, "anna", "digits").latest == 1


def test_every_change_has_a_number(database: Database) -> None:
    def revision() -> int:
        with database.read() as conn:
            return models.revision(conn)

    seen = [revision()]
    for change in (lambda: register(database), lambda: promote(database, 1, "dev"), lambda: register(database)):
        change()
        seen.append(revision())
    assert seen == [0, 1, 2, 2]


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a b", "modèle", "x" * 101, "a\n", "-x"])
def test_odd_names_are_refused_with_a_sentence(database: Database, name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"cannot be the name of a model\. Use letters"):
        register(database, name)


@pytest.mark.parametrize("alias", ["4", "v4", "latest", "compare", "a/b", ""])
def test_aliases_that_mean_something_else_are_refused(database: Database, alias: str) -> None:
    register(database)
    with pytest.raises(InvalidRequest, match="cannot be an alias"):
        promote(database, 1, alias)
    with pytest.raises(InvalidRequest):
        register(database, tags=["new"], alias=alias)
    with database.read() as conn:
        assert len(models.model_of(conn, "anna", "digits").versions) == 1
