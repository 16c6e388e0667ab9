"""Which side sends which message, and what becomes of each field on each: the matrix that `gateway check` prints.

Knows fields, locators and profiles; reads no message.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple

from gateway.core.fields import Field
from gateway.core.locators import Kind, Locator, target_header
from gateway.core.plan import Dialect, TransferMode
from gateway.core.profile import Profile, Scope, is_reserved
from gateway.core.terms import Direction, On, Side

REFUSABLE = frozenset({On.INVITE, On.REFER})
"""Messages that the gateway can answer with a failure because of what they carry."""


class Message(NamedTuple):
    """One kind of message that can carry context: in calls of a direction, sent by one side to the other."""

    direction: Direction
    on: On
    sender: Side


def senders(direction: Direction, on: On) -> tuple[Side, ...]:
    """Who can send that message: both sides can end a call and transfer it."""
    if on is On.INVITE:
        return (direction.source,)
    if on in (On.PROGRESS, On.ANSWER):
        return (direction.target,)
    return direction.source, direction.target


def messages() -> Iterator[Message]:
    """Every kind of message, each once."""
    for direction in Direction:
        for on in On:
            for sender in senders(direction, on):
                yield Message(direction, on, sender)


def takes_part(one: Field, message: Message) -> bool:
    """Whether a field is for this message.

    Where both sides can send it, a field whose places allow one way only goes that way: there is no setting to say so.
    """
    if message.direction not in one.direction or message.on not in one.on:
        return False
    if len(senders(message.direction, message.on)) == 1:
        return True
    return _has_a_way(one, message.sender) or not _has_a_way(one, message.sender.other)


def _has_a_way(one: Field, sender: Side) -> bool:
    source, target = one.locator(sender), one.locator(sender.other)
    if target is not None and not target.writable:
        return False
    return not any(_is_twilios(locator) for locator in (target, source if sender is Side.PBX else None))


def _is_twilios(locator: Locator | None) -> bool:
    return locator is not None and locator.kind is Kind.HEADER and is_reserved(locator.name)


class Fate(enum.StrEnum):
    """What is known of a field on a message."""

    NONE = "none"
    """The field is not for this message, or can have no value there."""
    ARRIVES = "arrives"
    UNKNOWN = "unknown"
    """It is sent, and the other side documents nothing about it."""
    UNREAD = "unread"
    """It is sent, and the other side has no way to see it."""
    RECORD = "record"
    """It has no place on the other side: it is for the call's record."""


def fate(
    one: Field, message: Message, dialect: Dialect, profile: Profile, transfer: TransferMode = TransferMode.LOCAL
) -> Fate:
    """What becomes of a field on a message to a far end of this profile; `transfer` is the sender's trunk's."""
    if not takes_part(one, message) or (one.locator(message.sender) is None and one.default is None):
        return Fate.NONE
    if message.on is On.REFER and transfer is TransferMode.REJECT:
        return Fate.NONE
    target = one.locator(message.sender.other)
    if target is None:
        return Fate.RECORD
    scope = scope_of(message, profile, transfer)
    if scope is None:
        return Fate.UNKNOWN
    name = target_header(target, dialect)
    if scope.unread(name):
        return Fate.UNREAD
    return Fate.ARRIVES if scope.reads(name) else Fate.UNKNOWN


def scope_of(message: Message, profile: Profile, transfer: TransferMode = TransferMode.LOCAL) -> Scope | None:
    """What is known of the message that the fields leave in: of a REFER that we follow ourselves, an INVITE of ours."""
    if message.on is On.REFER and transfer is TransferMode.LOCAL:
        return profile.scope(Direction.from_source(message.sender), On.INVITE)
    return profile.scope(message.direction, message.on)
