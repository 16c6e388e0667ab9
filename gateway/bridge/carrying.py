"""How context gets from one leg of a call to the other, and what is kept of it."""

from __future__ import annotations

from gateway.bridge.call import Call
from gateway.bridge.commands import Command, HeaderList, NoteContext, Role
from gateway.core.mapping import CallFacts, Mapped, apply_rules
from gateway.core.message import SipMessage
from gateway.core.terms import On, Side


def carry(call: Call, on: On, message: SipMessage | None, sender: Role) -> tuple[HeaderList, list[Command]]:
    """Headers for the other leg from what a later message of the sender carries, and the note of it."""
    if message is None:
        return (), []
    mapped = map_message(call, on, message, sender)
    return mapped.headers, note(call, on, mapped)


def note(call: Call, on: On, mapped: Mapped) -> list[Command]:
    """Keep what a mapping did, and have it counted."""
    if not mapped.receipt:
        return []
    # A peer may ring without end: all of its messages are counted, of each kind the last is kept.
    call.receipt = [entry for entry in call.receipt if entry.on is not on] + [*mapped.receipt]
    call.context.update(mapped.public_values())
    return [NoteContext(on, mapped)]


def map_message(call: Call, on: On, message: SipMessage, sender: Role) -> Mapped:
    """What a message of the sender carries, as headers for the other leg."""
    assert call.from_trunk is not None and call.to_trunk is not None
    pbx = call.from_trunk if call.from_trunk.side is Side.PBX else call.to_trunk
    inbound = sender is Role.INBOUND
    side, receiver = (call.direction.source, call.to_trunk) if inbound else (call.direction.target, call.from_trunk)
    facts = call.facts if inbound else CallFacts(call.id, call.to_trunk.name, "")
    rules = call.plan.contract.rules(call.direction, on, side, pbx.dialect, receiver.profile)
    return apply_rules(rules, message, facts)
