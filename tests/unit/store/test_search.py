"""Lists of runs: the database finds what the conditions mean, in the order that was asked for, and shows no gaps."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from databases import empty_database
from hypothesis import given, settings
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.runs import MetricSummary, RunSpec
from gpurun_jupyter.core.shipped import ShippedDir
from gpurun_server.queue.upkeep.deletion import delete, purge, restore
from gpurun_server.store.database import Database
from gpurun_server.store.queries import Filters, encode
from gpurun_server.store.search import names, sheet, window
from gpurun_server.store.summaries import keep_metrics, keep_parameters
from gpurun_server.store.tables import run_metrics, run_params, runs

COUNT = 60
FIRST_OF_NOVEMBER = 1_793_491_200.0  # UTC


class Made(NamedTuple):
    """What the database knows of a run, for these tests to decide by themselves what fits."""

    id: str
    acc: float | None
    lr: str | None
    outcome: str | None
    tags: list[str]
    created_at: float
    duration_s: float | None


def made(number: int, chance: random.Random) -> Made:
    outcome = chance.choice(["succeeded", "failed", None])
    return Made(
        id=f"r{number:07}",
        acc=chance.choice([None, round(chance.random(), 1)]),
        lr=chance.choice([None, "0.1", "1e-1", "0.01", "auto"]),
        outcome=outcome,
        tags=chance.sample(["base", "base line", 'quo"ted'], chance.randrange(3)),
        created_at=FIRST_OF_NOVEMBER + 3600.0 * number,
        duration_s=float(chance.randrange(100)) if outcome else None,
    )


MADE = [made(number, random.Random(number)) for number in range(COUNT)]


def insert(conn: sa.Connection, seq: int, one: Made, owner: str = "anna") -> None:
    args = [] if one.lr is None else ["--lr", one.lr]
    spec = RunSpec(dir=ShippedDir("0" * 64, "train.py", args), env={"SEED": str(seq)})
    metrics = {} if one.acc is None else {"acc": MetricSummary(one.acc, one.acc - 1, one.acc + 1)}
    finished = None if one.duration_s is None else one.created_at + one.duration_s
    row: dict[str, Any] = {
        "seq": seq,
        "id": one.id,
        "name": f"=digits-{seq % 7}",
        "project": f"project{seq % 3}",
        "owner": owner,
        "kind": "dir",
        "state": "finished" if one.outcome else "running",
        "outcome": one.outcome,
        "message": "Out of 100% memory" if seq == 5 else "",
        "spec_json": encode(spec),
        "tags_json": encode(one.tags),
        "priority": 0,
        "gpu": 0,
        "created_at": one.created_at,
        "started_at": one.created_at,
        "finished_at": finished,
        "metrics_json": encode(metrics),
        "revision": seq,
    }
    conn.execute(sa.insert(runs), row)
    keep_metrics(conn, seq, metrics)
    keep_parameters(conn, seq, spec)


@pytest.fixture(scope="module", params=["alone", "among others"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = empty_database(Home(tmp_path_factory.mktemp("home")))
    with database.write() as writing:
        for seq, one in enumerate(MADE, 1):
            insert(writing.conn, seq, one)
        if request.param == "among others":
            insert(writing.conn, COUNT + 1, MADE[0]._replace(id="berts", tags=["of-bert"]), owner="bert")
            keep_metrics(writing.conn, COUNT + 1, {"acc": MetricSummary(9, 9, 9), "of_bert": MetricSummary(1, 1, 1)})
    yield database
    database.close()


def ids(database: Database, offset: int = 0, limit: int = 1000, **filters: Any) -> list[str]:
    with database.read() as conn:
        return [row.id for row in window.window(conn, "anna", Filters(**filters), offset, limit)]


def fitting(condition: Any) -> list[str]:
    return [one.id for one in reversed(MADE) if condition(one)]


def number(text: str | None) -> float | None:
    return None if text in (None, "auto") else float(text or "")


@pytest.mark.parametrize(
    ("where", "condition"),
    [
        ("acc > 0.5", lambda one: one.acc is not None and one.acc > 0.5),
        ("acc.max <= 1.2", lambda one: one.acc is not None and one.acc + 1 <= 1.2),
        ("metrics.acc.min != -0.5", lambda one: one.acc is not None and one.acc - 1 != -0.5),
        ("not acc > 0.5", lambda one: one.acc is None or one.acc <= 0.5),
        ("lr = 0.1", lambda one: number(one.lr) == 0.1),
        ("params.lr in (0.1, 0.01)", lambda one: number(one.lr) in (0.1, 0.01)),
        ("lr in (0.1, auto)", lambda one: one.lr in ("0.1", "auto")),
        ("lr != 0.1", lambda one: one.lr is not None and number(one.lr) != 0.1),
        ("lr = '0.1'", lambda one: one.lr == "0.1"),
        ("lr ~ E-", lambda one: one.lr == "1e-1"),
        ("lr < 0.1 or lr = auto", lambda one: one.lr in ("0.01", "auto")),
        ("state = failed", lambda one: one.outcome == "failed"),
        ("state != failed", lambda one: one.outcome != "failed"),
        ("state in (running, failed)", lambda one: one.outcome in (None, "failed")),
        (
            "outcome = failed and acc < 0.5",
            lambda one: one.outcome == "failed" and one.acc is not None and one.acc < 0.5,
        ),
        ("not outcome = failed", lambda one: one.outcome != "failed"),
        ("outcome != failed", lambda one: one.outcome != "failed"),
        ("tag = base", lambda one: "base" in one.tags),
        ("tags != base", lambda one: "base" not in one.tags),
        ("tag in ('base line', 'quo\"ted')", lambda one: {"base line", 'quo"ted'} & set(one.tags)),
        ("tag ~ BASE", lambda one: {"base", "base line"} & set(one.tags)),
        ("duration >= 1m", lambda one: one.duration_s is not None and one.duration_s >= 60),
        ("created >= 2026-11-02T00:00Z", lambda one: one.created_at >= FIRST_OF_NOVEMBER + 86_400),
        ("name ~ DIGITS-3 and project = project0", lambda one: int(one.id[1:]) % 7 == 2 and int(one.id[1:]) % 3 == 2),
        ("message ~ '100%'", lambda one: one.id == "r0000004"),
        ("message ~ '1%0'", lambda one: False),
    ],
)
def test_conditions(database: Database, where: str, condition: Any) -> None:
    assert ids(database, where=where) == fitting(condition)
    with database.read() as conn:
        assert window.total(conn, "anna", Filters(where=where)) == len(fitting(condition))


ATOMS = st.sampled_from(
    [
        ("acc > 0.5", lambda one: one.acc is not None and one.acc > 0.5),
        ("lr = 0.1", lambda one: number(one.lr) == 0.1),
        ("state = failed", lambda one: one.outcome == "failed"),
        ("outcome = succeeded", lambda one: one.outcome == "succeeded"),
        ("tag = base", lambda one: "base" in one.tags),
        ("duration > 50", lambda one: one.duration_s is not None and one.duration_s > 50),
    ]
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: (
        inner.map(lambda one: (f"not ({one[0]})", lambda run: not one[1](run)))
        | st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]} and {two[1][0]})", lambda run: two[0][1](run) and two[1][1](run))
        )
        | st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]} or {two[1][0]})", lambda run: two[0][1](run) or two[1][1](run))
        )
    ),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(CONDITIONS)
def test_conditions_together(database: Database, condition: tuple[str, Any]) -> None:
    assert ids(database, where=condition[0]) == fitting(condition[1])


@pytest.mark.parametrize(
    ("where", "place", "says"),
    [
        ("ac > 1", 1, "did you mean acc?"),
        ("acc ~ 1", 7, "is a number; it is compared by = != < <= > >= in"),
        ("acc > high", 7, 'compared with numbers, and "high" is none'),
        ("name > a", 8, "is a text"),
        ("acc > 0 and state = done", 21, '"done" is no state'),
        ("state ~ fail", 9, "one of a few words"),
        ("created > yesterday", 11, "is not a date"),
        ("duration > long", 12, "is not a duration"),
        ("params.acc = 1", 1, 'no run has a metric or parameter "params.acc"'),
        ("metric.lr = 1", 1, "no run has"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    database: Database, where: str, place: int, says: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        ids(database, where=where)
    assert raised.value.message.startswith(f"At character {place} of the condition: ")
    assert says in raised.value.message


def test_an_unknown_name_is_told_what_there_is(database: Database) -> None:
    for asked in ({"where": "x > 1"}, {"sort": "-x"}):
        with pytest.raises(InvalidRequest) as raised:
            ids(database, **asked)
        assert raised.value.hint.startswith("There are metrics acc; parameters SEED, lr; columns id, name, ")


def test_text_is_looked_for_in_names_ids_tags_and_messages(database: Database) -> None:
    assert ids(database, q="GITS-3") == fitting(lambda one: int(one.id[1:]) % 7 == 2)
    assert ids(database, q="r0000059") == ["r0000059"]
    assert ids(database, q="base line") == fitting(lambda one: "base line" in one.tags)
    assert ids(database, q="100%") == ["r0000004"]
    assert ids(database, q="0_0") == []


def test_dates_limit_the_time_of_creation(database: Database) -> None:
    day = FIRST_OF_NOVEMBER + 86_400
    found = ids(database, after=str(day), before="2026-11-03T00:00+00:00")
    assert found == fitting(lambda one: day <= one.created_at < day + 86_400)


SORTS = {
    "acc": lambda one: one.acc,
    "duration": lambda one: one.duration_s,
    "created": lambda one: one.created_at,
    "id": lambda one: one.id,
    "outcome": lambda one: one.outcome,
    "lr": lambda one: None if one.lr is None else (number(one.lr) is None, number(one.lr) or 0, one.lr),
}


@pytest.mark.parametrize("where", [None, "acc > 0.3 or lr = 0.1", "state = failed"])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("name", SORTS)
def test_order(database: Database, name: str, sign: str, where: str | None) -> None:
    """What has no value comes last in either direction; what is equal, the newest first. Numbers come before texts."""
    found = ids(database, sort=f"{sign}{name}", where=where)
    assert sorted(found) == sorted(ids(database, where=where))
    by_id = {one.id: one for one in MADE}
    keys = [SORTS[name](by_id[run_id]) for run_id in found]
    having = [key for key in keys if key is not None]
    assert keys == having + [None] * (len(keys) - len(having))
    if name == "lr":
        numbers = [key[1] for key in having if not key[0]]
        assert numbers == sorted(numbers, reverse=bool(sign))
        assert [key[0] for key in having] == sorted(key[0] for key in having)
    else:
        assert having == sorted(having, reverse=bool(sign))
    lacking = found[len(having) :]
    assert lacking == sorted(lacking, reverse=True)


@pytest.mark.parametrize("sort", [None, "-acc", "lr", "duration"])
def test_windows_join_without_gaps(database: Database, sort: str | None) -> None:
    whole = ids(database, sort=sort)
    assert [run_id for offset in range(0, COUNT + 7, 7) for run_id in ids(database, offset, 7, sort=sort)] == whole
    assert len(whole) == COUNT


def test_columns(database: Database) -> None:
    with database.read() as conn:
        found = names.columns(conn, "anna")
    assert (found.metrics, found.parameters, found.owners) == (["acc"], ["SEED", "lr"], ["anna"])
    assert found.projects == ["project0", "project1", "project2"]
    assert found.tags == ["base", "base line", 'quo"ted']


def test_csv_cannot_be_taken_for_formulas(database: Database) -> None:
    with database.read() as conn:
        numbers = window.numbers(conn, "anna", Filters(sort="-acc"))
        made = sheet.Sheet.of(conn, "anna")
        rows = list(csv.DictReader(io.StringIO(made.head() + made.lines(conn, numbers))))
    assert [row["id"] for row in rows] == ids(database, sort="-acc")
    assert {row["name"][:2] for row in rows} == {"'="}
    one = next(one for one in MADE if one.acc is not None and one.lr is not None and one.duration_s)
    row = next(row for row in rows if row["id"] == one.id)
    assert (row["metrics.acc"], row["params.lr"], float(row["duration"])) == (str(one.acc), one.lr, one.duration_s)
    with database.read() as conn, pytest.raises(InvalidRequest, match="There is no column 'acc'"):
        sheet.Sheet.of(conn, "anna", ["acc"])


def test_what_is_deleted_is_not_listed_and_leaves_nothing(database: Database) -> None:
    last = MADE[-1].id
    with database.write() as writing:
        insert(writing.conn, 1000, MADE[0]._replace(id="gone", acc=5.0, outcome="failed"))
        delete(writing, "gone", by="anna")
    assert "gone" not in ids(database)
    assert ids(database, sort="-acc")[0] != "gone"
    with database.read() as conn:
        assert (window.total(conn, "anna", Filters()), window.total(conn, "anna", Filters(where="acc > 4"))) == (
            COUNT,
            0,
        )
    with database.write() as writing:
        restore(writing, "gone", by="anna")
    assert ids(database, sort="-acc")[0] == "gone"
    with database.write() as writing:
        writing.conn.execute(sa.update(runs).where(runs.c.id == "gone").values(deleted_at=1.0))
        assert purge(writing) == ["gone"]
    assert ids(database)[0] == last
    with database.read() as conn:
        for table in (run_metrics, run_params):
            assert conn.scalar(sa.select(sa.func.count()).where(table.c.run == 1000)) == 0


def test_an_older_database_gets_its_rows(tmp_path: Path) -> None:
    """What the migration fills in is what acceptance and ingestion write."""
    from alembic import command

    from gpurun_server.store.migrate import config

    home = Home(tmp_path / "home")
    home.create()
    database = Database(home)
    with database.engine.begin() as conn:
        command.upgrade(config(conn), "0003")
        spec = RunSpec(code="1", env={"SEED": "3"})
        row = {"id": "old", "name": "old", "project": "p", "owner": "anna", "kind": "cell", "state": "finished"}
        row |= {"spec_json": encode(spec), "tags_json": "[]", "created_at": 1.0}
        metrics = encode({"acc": MetricSummary(0.5, 0.1, 0.9)})
        conn.execute(sa.insert(runs), {**row, "priority": 0, "gpu": 0, "metrics_json": metrics, "revision": 1})
        broken = {**row, "id": "odd", "spec_json": '{"gone": 1}', "priority": 0, "gpu": 0, "revision": 2}
        conn.execute(sa.insert(runs), {**broken, "metrics_json": "{}"})
    database.prepare()
    assert ids(database, where="acc.max = 0.9 and SEED = 3") == ["old"]
    assert ids(database) == ["odd", "old"]
    database.close()
