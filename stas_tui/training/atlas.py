"""What the screens call a thing, and what the lesson calls it: identities and ids to refs, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from stas_tui.training import grammar
from stas_tui.training.stage.sources import FAULT, check_of, fingerprint, probe_of
from stas_tui.triage import identity
from storage.records import Event

INFRA = {
    "inject.alert": "alerts",
    "inject.metric": "error rates",
    "inject.probe": "endpoints",
    "inject.ci": "ci",
    "inject.deploy": "deploys",
}
"""Rows of the infra panel that tell of it, in lower case."""
SOURCES = "sources"
"""The page of all sources."""
MESSAGES = ("inject.inbox", "inject.human", "inject.executor", "inject.slack")


class Atlas:
    """Learns from the lines of the engine which ref stands behind which name on the screens."""

    def __init__(self, gates: dict[str, str]) -> None:
        """`gates` are the stage's action ids by ref, kept by the stage."""
        self._gates = gates
        self._refs: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}
        self._pieces: set[str] = set()
        """References of what is shown as evidence with a text of its own."""

    def learn(self, event: Event) -> None:
        """A line of the engine."""
        if not event.kind.startswith("inject."):
            return
        ref = str(event.body["ref"])
        self._pieces |= {str(piece["ref"]) for piece in event.body.get("evidence", ())}
        for name in _names_of(event):
            refs = self._refs.setdefault(name, [])
            if ref in refs:
                refs.remove(ref)
            refs.append(ref)
            self._names.setdefault(ref, name)

    def refs(self, name: str) -> Sequence[str]:
        """The refs behind a name of the screens, the latest last."""
        kind, _, rest = name.partition(":")
        if kind == "gate":
            return [ref for ref, action in self._gates.items() if action == rest]
        return tuple(self._refs.get(name, ()))

    def ref(self, name: str, wanted: Callable[[str], bool]) -> str:
        """The one ref that an act on a name is about: one that is wanted, else the latest; empty if there is none.

        A task is called in a lesson as on the board.
        """
        refs = self.refs(name)
        found = next((ref for ref in reversed(refs) if wanted(ref)), refs[-1] if refs else "")
        return found or (name.rpartition("/")[2] if name.startswith("task:") else "")

    def cited(self, key: str) -> Sequence[str]:
        """The refs behind a piece of evidence: a message, or whatever else came under this name."""
        refs = self.refs(identity.message_key(key))
        return refs or ((key,) if key in self._names and key not in self._pieces else ())

    def key(self, ref: str) -> str:
        """The identity on the list of what needs a person, for a ref; empty if it never stands there."""
        if ref in self._gates:
            return identity.gate_key(self._gates[ref])
        return self._names.get(ref, "")


def pull_name(project: str, number: int | str) -> str:
    """What a pull request is called here."""
    return f"pull:{project}/{number}"


def memory_name(key: str) -> str:
    """What a memory is called here."""
    return f"memory:{key}"


def _names_of(event: Event) -> Iterable[str]:
    """Names of what a line brings; the first is its identity on the list."""
    yield from _items(event)
    if event.kind in INFRA:
        yield infra_name(INFRA[event.kind])


def infra_name(row: str) -> str:
    """What a row of the infra panel is called here."""
    return f"infra:{row.casefold()}"


def _items(event: Event) -> Iterable[str]:
    body, kind = event.body, event.kind
    ref = str(body["ref"])
    if kind in MESSAGES:
        yield identity.message_key(ref)
    elif kind == "inject.alert":
        yield identity.alert_key(fingerprint(body))
    elif kind == "inject.metric":
        yield identity.tenant_key(grammar.series(str(body["series"])).tenant or "platform")
        yield identity.platform_key(str(body["source"]))
        yield SOURCES
    elif kind == "inject.probe":
        yield identity.probe_key(probe_of(body))
        yield SOURCES
    elif kind == "inject.ci":
        yield identity.deploy_key(str(body["project"]), str(body["sha"]))
        yield f"check:{check_of(body)}"
        yield SOURCES
        if body["log"]:
            yield identity.message_key(ref)
    elif kind == "inject.deploy":
        yield identity.deploy_key(str(body["project"]), str(body["sha"]))
        yield SOURCES
    elif kind == FAULT:
        yield identity.source_key(str(body["source"]))
        yield SOURCES
    elif kind == "inject.forge":
        yield pull_name(str(body["pull"]["project"]), body["pull"]["number"])
    elif kind == "inject.memory":
        yield memory_name(ref)
