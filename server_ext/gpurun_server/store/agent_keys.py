"""Who may speak as an agent of another machine: one-time tokens to join with, and a key for each that has joined.

Only hashes are kept: a copy of the database lets nobody in.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from itertools import chain, count
from typing import Any

import sqlalchemy as sa

from gpurun_jupyter.core.errors import AgentNotFound, NotJoined, Revoked
from gpurun_jupyter.core.remote import Join, Joined
from gpurun_server.store.database import Writing
from gpurun_server.store.tables import agent_keys, agents, join_tokens

#: How long a machine may take to join, in seconds.
INVITATION_S = 3600.0

_ASK_AGAIN = "`gpurun agent invite` on the server's side gives a line that lets one machine join."
_OF_KEY = sa.select(agent_keys.c.id, agent_keys.c.revoked_at).where(agent_keys.c.key_hash == sa.bindparam("hash"))
_IN_USE = agent_keys.c.revoked_at.is_(None)
_INVITED = sa.select(agent_keys.c.id).where(agent_keys.c.created_by == sa.bindparam("person"), _IN_USE)
_CHECKED_IN = sa.select(agent_keys.c.id).where(agent_keys.c.id == sa.bindparam("agent"), _IN_USE)
_NOT_A_NAME = re.compile(r"[^\w.-]+")  # an id stands in URLs and, before a colon, in names of devices


def invite(writing: Writing, by: str) -> tuple[str, float]:
    """A token that lets one machine join, and when it expires, in seconds since the epoch."""
    token, expires_at = secrets.token_urlsafe(24), time.time() + INVITATION_S
    # here, because nothing else takes away what has expired
    writing.conn.execute(sa.delete(join_tokens).where(join_tokens.c.expires_at < time.time()))
    row = {"token_hash": _hash(token), "created_by": by, "expires_at": expires_at}
    writing.conn.execute(sa.insert(join_tokens), row)
    return token, expires_at


def join(writing: Writing, token: str, who: Join) -> Joined:
    """Give a machine an id and a key. Raises NotJoined for a token that is used, expired or forged."""
    conn, now = writing.conn, time.time()
    row = check_invited(conn, token)
    # writers take turns: no two machines can find the same token unused
    conn.execute(sa.update(join_tokens).where(join_tokens.c.token_hash == row.token_hash).values(used_at=now))
    key, agent_id = secrets.token_urlsafe(32), _free_id(conn, _NOT_A_NAME.sub("-", who.name or who.host).strip("-"))
    _put_aside_revoked(conn, agent_id)
    values = {"id": agent_id, "host": who.host, "key_hash": _hash(key), "created_by": row.created_by}
    conn.execute(sa.insert(agent_keys), {**values, "created_at": now})
    return Joined(agent_id, key)


def check_invited(conn: sa.Connection, token: str) -> sa.Row[Any]:
    """The invitation that this token is of. Raises NotJoined for one that is used, expired or forged."""
    good = sa.and_(join_tokens.c.token_hash == _hash(token), join_tokens.c.used_at.is_(None))
    row = conn.execute(sa.select(join_tokens).where(good, join_tokens.c.expires_at > time.time())).first()
    if row is None:
        raise NotJoined("This token to join with is used, expired or none of this server's.", _ASK_AGAIN)
    return row


def agent_of(conn: sa.Connection, key: str) -> str:
    """The id of the agent with this key. Raises NotJoined and Revoked."""
    row = conn.execute(_OF_KEY, {"hash": _hash(key)}).first()
    if row is None:
        raise NotJoined("This key is none of this server's.", _ASK_AGAIN)
    if row.revoked_at is not None:
        raise Revoked("This key is revoked.", _ASK_AGAIN)
    return str(row.id)


def check_in(conn: sa.Connection, agent_id: str) -> None:
    """Raises Revoked for an agent whose key was taken back since it was looked at."""
    if conn.scalar(_CHECKED_IN, {"agent": agent_id}) is None:
        raise Revoked("This key is revoked.", _ASK_AGAIN)


def invited_by(conn: sa.Connection, person: str) -> set[str]:
    """The agents that this person has invited, and may revoke."""
    return set(conn.scalars(_INVITED, {"person": person}))


def revoke(writing: Writing, agent_id: str, *, by: str) -> None:
    """Let an agent that this person invited in no more. Raises AgentNotFound."""
    mine = sa.and_(agent_keys.c.id == agent_id, agent_keys.c.created_by == by)
    # its row stays: the machine is to hear that it was revoked, not that nobody knows it
    changed = writing.conn.execute(sa.update(agent_keys).where(mine, _IN_USE).values(revoked_at=time.time()))
    if changed.rowcount == 0:
        raise AgentNotFound(
            f"No machine of yours has joined as {agent_id!r}.", "`gpurun agents` lists those there are."
        )


def _put_aside_revoked(conn: sa.Connection, agent_id: str) -> None:
    """Another machine may be called so now; the one that was, is still to hear that it is revoked."""
    aside = agent_keys.c.id + " " + agent_keys.c.key_hash  # no agent's id has a blank
    conn.execute(sa.update(agent_keys).where(agent_keys.c.id == agent_id).values(id=aside))


def _free_id(conn: sa.Connection, name: str) -> str:
    """The name, with a number where somebody is called so already."""
    # the agent of the server's own machine has no key
    taken = {*conn.scalars(sa.select(agents.c.id)), *conn.scalars(sa.select(agent_keys.c.id).where(_IN_USE))}
    name = name or "agent"
    return next(one for one in chain([name], (f"{name}-{n}" for n in count(2))) if one not in taken)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()  # no salt: these are random and long, no passwords
