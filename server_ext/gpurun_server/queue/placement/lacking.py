"""What no machine has that a run asks for by `--on` and `--kernel`, and what there is instead, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from gpurun_jupyter.core.labels import PRIVATE, kind_of
from gpurun_server.queue.placement.offers import Offer, Shape

_HOSTS_NAMED = 3
_NAMES_NAMED = 5


def is_ability(need: str) -> bool:
    """Whether it may come with an installation; a machine's name, or a word that somebody gave it, does not."""
    return kind_of(need)[0] is not None


def nobody_has_all(needs: Sequence[str], offers: Iterable[Offer]) -> bool:
    """Whether no agent, connected or not, has all of it."""
    return bool(needs) and not any(offer.has(needs) for offer in offers)


def lacking(needs: Sequence[str], offers: Sequence[Offer]) -> str | None:
    """`waits for a machine with the kernel 'r-4.3': box-a and box-b have python3 only`.

    None where an agent has all of it, or where a machine's name or a word is what is not known at all.
    """
    unknown = [need for need in needs if not any(offer.is_called(need) for offer in offers)]
    if not nobody_has_all(needs, offers) or not all(map(is_ability, unknown)):
        return None
    here = [offer for offer in offers if offer.agent.health != "disconnected"]
    wanted = unknown or list(needs)
    there = _instead(unknown[0], here) if len(unknown) == 1 else _each_lacks(wanted, here)
    return f"waits for a machine with {_and([_words(need) for need in wanted])}: {there}"


def _instead(need: str, here: Sequence[Offer]) -> str:
    """Who has what else of this kind, and what may have been meant."""
    if need == PRIVATE:
        return (
            f"the link of {_some([offer.agent.id for offer in here], _HOSTS_NAMED) if here else 'nobody'} is plain http"
        )
    kind, name = kind_of(need)
    have = {offer.agent.id: sorted(_of_kind(kind, offer)) for offer in here}
    hosts: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for host, names in have.items():
        hosts[tuple(names)].append(host)
    said = ", ".join(f"{_some(who, _HOSTS_NAMED)} {_have(kind, names, len(who))}" for names, who in hosts.items())
    meant = get_close_matches(name, sorted({one for names in have.values() for one in names}), 1)
    return said + (f"; did you mean {meant[0]!r}?" if meant else "")


def _each_lacks(needs: Sequence[str], here: Sequence[Offer]) -> str:
    """What each has not got of what another has."""
    short = here[:_HOSTS_NAMED]
    said = [
        f"{offer.agent.id} lacks {_and([_words(need) for need in needs if not offer.is_called(need)])}"
        for offer in short
    ]
    return ", ".join(said) + (f", and {len(here) - len(short)} more lack one of them" if here[_HOSTS_NAMED:] else "")


def _of_kind(kind: str | None, offer: Offer) -> set[str]:
    return {name for one, name in map(kind_of, offer.labels) if one == kind}


def _have(kind: str | None, names: Sequence[str], hosts: int) -> str:
    have = "has" if hosts == 1 else "have"
    if not names:
        return f"{have} no {kind}"
    return f"{have} {_some(names, _NAMES_NAMED)}" + (" only" if len(names) == 1 else "")


def _some(names: Sequence[str], most: int) -> str:
    return f"{', '.join(names[:most])} and {len(names) - most} more" if len(names) > most else _and(names)


def _words(need: str) -> str:
    if need == PRIVATE:
        return "an encrypted link (https), for its secrets"
    kind, name = kind_of(need)
    return f"the {kind} {name!r}" if kind else f"the label {name!r}"


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def with_kernel(shape: Shape) -> str:
    """` with the kernel 'r'`, where that is worth saying; what `--on` says is said anyway."""
    return "" if shape.kernel is None else f" with the kernel {shape.kernel!r}"
