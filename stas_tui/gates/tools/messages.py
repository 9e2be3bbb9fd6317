"""`message_agent`, `remember`, and taking a message off the inbox (T10, T12, T13, R12-R16, R97, R129)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from stas_tui.gates import policy
from stas_tui.gates.contract import BadCall, Call, Effect, NotDone, Plan, RiskLine, Shown, deny
from stas_tui.gates.tools.base import MESSAGE_LIMIT, TEXT_LIMIT, BaseTool, only, scan_texts, text_of
from stas_tui.platforms.base import NotFound, PlatformError
from storage.records import Action, EffectClass, Evidence, GateLevel, Json, OutgoingMessage, Trust

_ASKS_FOR_CHANGE = re.compile(
    r"\b(P0|please|merge|deploy|revert|roll ?back|rotate|restart|delete|drop|migrat\w+|change|apply|approve|"
    r"scale|disable|enable|block|stop|start|run)\b",
    re.IGNORECASE,
)


def caused(call: Call) -> list[Evidence]:
    """The message that a call answers, as evidence."""
    return [Evidence(kind="message", ref=call.caused_by, text="this answers it")] if call.caused_by else []


class MessageAgent(BaseTool):
    """A message to another agent. It asks a person if it asks for a change; information is logged."""

    name = "message_agent"
    effect_class = EffectClass.LOOKUP

    def check(self, args: Mapping[str, Any]) -> Json:
        """`agentId` (an id or a configured name), `message`."""
        only(args, "agentId", "message")
        return {
            "agentId": text_of(args, "agentId", limit=200),
            "message": text_of(args, "message", limit=MESSAGE_LIMIT),
        }

    def natural_key(self, args: Json) -> str:
        """One message for each recipient and text."""
        return f"message:{args['agentId']}:{hashlib.sha256(args['message'].encode()).hexdigest()[:16]}"

    def plan(self, call: Call) -> Plan:
        """Recipient and text."""
        name, text = call.args["agentId"], call.args["message"]
        known = {**{identity: identity for identity in self.rules.agents.values()}, **self.rules.agents}
        if name not in known:
            raise deny("R129", f"No id is configured for the agent «{name}».", "Add it under [agents] in stas.toml.")
        policy.refuse_secrets(scan_texts(message=text), "The message")
        asks = _ASKS_FOR_CHANGE.search(text)
        return Plan(
            plan={"to": known[name], "name": name, "message": text},
            shown=Shown(
                title=f"Message {name}",
                risk_level="low",
                risk=[
                    RiskLine(
                        kind="asks for a change" if asks else "information",
                        level="warn" if asks else "ok",
                        text=f"«{asks.group(0)}»" if asks else "nothing is asked of the other agent",
                    )
                ],
                evidence=caused(call),
            ),
            level=GateLevel.GATE if asks else GateLevel.LOG,
        )

    def intended(self, action: Action) -> Json:
        """Recipient and text."""
        assert action.revision is not None
        return {"to": action.revision.plan["to"], "message": action.revision.plan["message"]}

    def apply(self, action: Action, key: str) -> Effect:
        """Deliver once under the action's key."""
        assert action.revision is not None
        plan = action.revision.plan
        try:
            sent = self.door.platform.send(to=plan["to"], channel="agent", text=plan["message"], key=key)
        except PlatformError as error:
            return self.after_error(action, key, error)
        return sent_effect(sent)

    def find(self, action: Action, key: str) -> Effect | None:
        """The message sent under this key."""
        sent = self.door.platform.sent_by_key(key)
        return sent_effect(sent) if sent else None


def sent_effect(sent: OutgoingMessage) -> Effect:
    """What an outbox row proves."""
    return Effect(
        requested={"to": sent.to},
        observed={"id": sent.id, "to": sent.to, "message": sent.text, "state": sent.state, "category": sent.category},
    )


class Remember(BaseTool):
    """Store a memory. A shared one asks a person, a private one is logged (T13, R97, R98)."""

    name = "remember"
    effect_class = EffectClass.CONVERGE

    def check(self, args: Mapping[str, Any]) -> Json:
        """`type`, `title`, `text`, and `shared`, `tags` (also inside `options`); `quarantined` for outside text."""
        only(args, "type", "title", "text", "shared", "tags", "options", "quarantined")
        options = args.get("options") or {}
        if not isinstance(options, Mapping):
            raise BadCall("options must hold shared and tags.")
        tags = args.get("tags", options.get("tags", []))
        if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
            raise BadCall("tags must be a list of words.")
        return {
            "type": text_of(args, "type", limit=40),
            "title": text_of(args, "title", limit=500),
            "text": text_of(args, "text", limit=TEXT_LIMIT),
            "shared": bool(args.get("shared", options.get("shared", False))),
            "tags": list(tags),
            "quarantined": bool(args.get("quarantined", False)),
        }

    def natural_key(self, args: Json) -> str:
        """One memory for each title."""
        return f"remember:{args['title']}"

    def already(self, call: Call) -> Json | None:
        """The very same memory is stored already."""
        memory = self.door.platform.find_memory(call.args["title"], call.args["text"])
        return None if memory is None else {"id": memory.id, "title": memory.title, "duplicate": True}

    def plan(self, call: Call) -> Plan:
        """The memory word for word."""
        args = call.args
        policy.refuse_secrets(
            scan_texts(title=args["title"], text=args["text"], tags=" ".join(args["tags"])), "The memory"
        )
        outside = not args["quarantined"] and self._from_outside(call.caused_by)
        return Plan(
            plan={**args, "quarantined": args["quarantined"] or outside},
            shown=Shown(
                title=f"Save {'shared ' * args['shared']}memory",
                step="7E",
                risk_level="low",
                risk=[
                    RiskLine(
                        kind="blast radius",
                        level="warn" if args["shared"] else "ok",
                        text="every agent that recalls it acts on it" if args["shared"] else "this agent only",
                    )
                ],
                evidence=caused(call),
                warnings=["made from outside text: it is not recalled before it is confirmed"] if outside else [],
            ),
            level=GateLevel.GATE if args["shared"] else GateLevel.LOG,
        )

    def _from_outside(self, cause: str) -> bool:
        """Whether it derives from a message nobody vouches for: then it is quarantined in any case (D22)."""
        try:
            return bool(cause) and self.door.platform.message(cause).trust is not Trust.KNOWN
        except NotFound:
            return False

    def intended(self, action: Action) -> Json:
        """Title, flag, tags and quarantine."""
        assert action.revision is not None
        plan = action.revision.plan
        return {name: plan[name] for name in ("title", "shared", "tags", "quarantined")}

    def apply(self, action: Action, key: str) -> Effect:
        """Store and read back."""
        assert action.revision is not None
        plan = action.revision.plan
        try:
            self.door.platform.remember(
                plan["type"],
                plan["title"],
                plan["text"],
                shared=plan["shared"],
                tags=plan["tags"],
                author=self.rules.agent,
                quarantined=plan["quarantined"],
            )
        except PlatformError as error:
            return self.after_error(action, key, error)
        effect = self.find(action, key)
        if effect is None:
            raise NotDone("The memory was taken but is not there.")
        return effect

    def find(self, action: Action, key: str) -> Effect | None:
        """The memory with this title and text."""
        assert action.revision is not None
        plan = action.revision.plan
        memory = self.door.platform.find_memory(plan["title"], plan["text"])
        if memory is None:
            return None
        return Effect(
            requested={"title": plan["title"]},
            observed={
                "id": memory.id,
                "title": memory.title,
                "shared": memory.shared,
                "tags": list(memory.tags),
                "quarantined": memory.quarantined,
            },
        )


class AcknowledgeMessage(BaseTool):
    """Take a message off the inbox; it is kept and can be read. Logged."""

    name = "acknowledge_message"
    effect_class = EffectClass.CONVERGE

    def check(self, args: Mapping[str, Any]) -> Json:
        """`messageId`."""
        only(args, "messageId")
        return {"messageId": text_of(args, "messageId", limit=200)}

    def natural_key(self, args: Json) -> str:
        """Each message once."""
        return f"ack:{args['messageId']}"

    def plan(self, call: Call) -> Plan:
        """The message's id."""
        message = self.door.platform.message(call.args["messageId"])
        return Plan(
            plan={"message": message.id},
            shown=Shown(title=f"Acknowledge {message.id}", step="1", risk_level="low"),
            level=GateLevel.LOG,
        )

    def apply(self, action: Action, key: str) -> Effect:
        """Acknowledge and read back."""
        assert action.revision is not None
        try:
            message = self.door.platform.acknowledge(action.revision.plan["message"])
        except PlatformError as error:
            return self.after_error(action, key, error)
        return Effect(
            requested={"message": message.id},
            observed={"message": message.id, "acknowledged": message.acknowledged_at is not None},
        )

    def find(self, action: Action, key: str) -> Effect | None:
        """It happened if the message says so."""
        assert action.revision is not None
        message = self.door.platform.message(action.revision.plan["message"])
        if message.acknowledged_at is None:
            return None
        return Effect(requested={"message": message.id}, observed={"message": message.id, "acknowledged": True})
