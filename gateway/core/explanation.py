"""What would happen to the context of one message, as the object of `gateway explain --json`; reads no file.

A configuration has many trunks and a captured message names none, so the first trunk of each side stands for it, and
for the message's source the first address that it allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.core.escaped import read_escaped
from gateway.core.mapping import CallFacts, Mapped, Rules, apply_rules, refuse
from gateway.core.message import SipMessage
from gateway.core.plan import Plan, TransferMode, Trunk
from gateway.core.scopes import Message, scope_of
from gateway.core.terms import Direction, On, Side
from gateway.core.webhook import webhook_form, webhook_parameters
from gateway.errors import CallRefused

CALL_ID = "00000000-0000-4000-8000-000000000000"
"""What `call:id` reads in an explanation: there is no call."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A message's mapping with the rules that made it."""

    rules: Rules
    mapped: Mapped
    transfer: TransferMode = TransferMode.LOCAL
    """That of the sender's trunk."""

    def as_dict(self) -> dict[str, Any]:
        """The object of `gateway explain --json`."""
        webhook = self._webhook()
        refused = self.mapped.refused
        return {
            "direction": self.rules.direction.value,
            "on": self.rules.on.value,
            "headers": [[name, value] for name, value in self.mapped.headers],
            "webhook": None if webhook is None else dict(webhook),
            "webhook_form": None if webhook is None else webhook_form(webhook),
            "bytes": self.mapped.bytes,
            "budget": self.rules.profile.bytes_total,
            "receipt": [entry.as_dict() for entry in self.mapped.receipt],
            "rejected": refused and {"code": refused.sip_code, "reason": refused.reason, "warning": refused.warning},
        }

    def _webhook(self) -> list[tuple[str, str]] | None:
        direction, on = self.rules.direction, self.rules.on
        message = Message(direction, on, Side.PBX)
        if self.rules.sender is not Side.PBX or scope_of(message, self.rules.profile, self.transfer) is None:
            return None
        if on is On.REFER and self.transfer is TransferMode.RELAY:
            return []  # they are inside ReferTransferTarget, of which the application has to take them out
        return webhook_parameters(self.mapped.headers, message)


def explain(plan: Plan, message: SipMessage, kind: Message) -> Explanation:
    """Map a message as a call between the first trunks of the two sides would.

    Raises:
        StopIteration: the plan has no trunk of a side; a plan made by `settings` has.
    """
    trunks = {side: _first_trunk(plan, side) for side in Side}
    receiver = trunks[kind.sender.other]
    rules = plan.contract.rules(*kind, trunks[Side.PBX].dialect, receiver.profile)
    sender = trunks[kind.sender]
    read = read_escaped(message, "Refer-To") if kind.on is On.REFER else message
    address = str(sender.allow[0].network_address) if sender.allow else ""
    mapped = apply_rules(rules, read, CallFacts(CALL_ID, sender.name, address))
    if kind.on is On.REFER and sender.transfer is TransferMode.REJECT:
        mapped = refuse(mapped, CallRefused(603, "transfer-rejected", f"trunk {sender.name} has transfer: reject"))
    return Explanation(rules, mapped, sender.transfer)


def likely_sender(direction: Direction, on: On) -> Side:
    """Who sends such a message; of both who can end or transfer a call, the side called."""
    return direction.source if on is On.INVITE else direction.target


def _first_trunk(plan: Plan, side: Side) -> Trunk:
    return next(trunk for trunk in plan.trunks if trunk.side is side)
