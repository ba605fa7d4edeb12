"""An identity provider and an authorizer as a server for several people has them; for `--ServerApp.*_class`."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth import Authorizer, IdentityProvider, User

#: Tokens of people. The guest may look, but not run anything.
PEOPLE = {"token-of-anna": "anna", "token-of-bert": "bert", "token-of-guest": "guest"}


class ByToken(IdentityProvider):
    """Who sends which token."""

    def get_user(self, handler: Any) -> User | None:
        sent = handler.request.headers.get("Authorization", "").removeprefix("token ")
        name = PEOPLE.get(sent or handler.get_argument("token", ""))
        return User(username=name) if name else None

    def should_check_origin(self, handler: Any) -> bool:
        return False

    def is_token_authenticated(self, handler: Any) -> bool:
        return True


class GuestsOnlyRead(Authorizer):
    """Everybody may do everything, guests may read."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        return user.username != "guest" or action == "read"
