"""How context gets from one leg of a call to the other, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace

from gateway.bridge.call import Call
from gateway.bridge.commands import Command, HeaderList, NoteContext
from gateway.bridge.terms import Role
from gateway.bridge.write_back import write_back
from gateway.core.escaped import lay_over, read_escaped, write_escaped
from gateway.core.headers import Headers
from gateway.core.mapping import CallFacts, Mapped, apply_rules
from gateway.core.message import SipMessage
from gateway.core.plan import Dialect, Trunk
from gateway.core.terms import On, Side
from gateway.core.uri import SipUri, build_uri


def carry(call: Call, on: On, message: SipMessage | None, sender: Role) -> tuple[HeaderList, list[Command]]:
    """Headers for the other leg from what a later message of the sender carries, and the note of it."""
    if message is None or call.trunks[sender].side is call.trunks[sender.other].side:
        return (), []  # a transfer brought two of one side together: a field has one place there, to read or to write
    mapped = map_message(call, on, message, sender)
    return mapped.headers, [*note(call, on, mapped), *write_back(call, on, mapped, sender)]


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
    trunk, receiver = call.trunks[sender], call.trunks[sender.other]
    rules = call.plan.contract.rules(call.direction, on, trunk.side, _dialect(trunk, receiver), receiver.profile)
    return apply_rules(rules, message, _facts(call, sender))


def map_transfer(call: Call, refer: SipMessage | None, sender: Role, target: Trunk) -> Mapped:
    """What the sender's side knows of the call and its REFER adds to it, as headers for who is called now."""
    trunk, contract = call.trunks[sender], call.plan.contract
    dialect = _dialect(trunk, target)
    assert call.request is not None
    message = replace(call.request, headers=Headers(call.told[trunk.side]))
    if refer is not None:
        names = contract.refer_headers(call.direction, trunk.side, dialect)
        message = lay_over(read_escaped(refer, "Refer-To"), message, names)
    rules = contract.transfer_rules(call.direction, trunk.side, dialect, target.profile)
    return apply_rules(rules, message, _facts(call, sender))


def map_refer(
    call: Call, message: SipMessage, sender: Role, uri: SipUri, limit: int | None
) -> tuple[Mapped | None, str]:
    """What a REFER carries, and the URI for the other leg with it behind, in so many characters.

    Nothing is carried between two of one side.
    """
    trunk, receiver = call.trunks[sender], call.trunks[sender.other]
    if trunk.side is receiver.side:
        return None, build_uri(uri)
    rules = call.plan.contract.rules(call.direction, On.REFER, trunk.side, _dialect(trunk, receiver), receiver.profile)
    read = read_escaped(message, "Refer-To")
    mapped = apply_rules(rules, read, _facts(call, sender))
    while limit is not None and (excess := len(write_escaped(uri, mapped.headers)) - limit) > 0 and mapped.bytes:
        smaller = replace(receiver.profile, bytes_total=max(0, mapped.bytes - excess))  # an escape only adds to bytes
        mapped = apply_rules(replace(rules, profile=smaller), read, _facts(call, sender))
    return mapped, write_escaped(uri, mapped.headers)


def _dialect(one: Trunk, other: Trunk) -> Dialect:
    return one.dialect if one.side is Side.PBX else other.dialect


def _facts(call: Call, sender: Role) -> CallFacts:
    return call.facts if call.trunks[sender] is call.from_trunk else CallFacts(call.id, call.trunks[sender].name, "")
