"""Whether what Twilio is to send us can be sent: the names and the characters that its SIP URIs take. Reads no message.

Twilio, "TwiML Voice: <Sip>": what stands behind `?` of a SIP URI becomes headers of the INVITE; escapes count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from gateway.core.fields import Field
from gateway.core.locators import Kind, Locator, target_header
from gateway.core.octets import build_octets
from gateway.core.plan import Dialect
from gateway.core.profile import Characters, Profile, Sends, is_reserved, matches_name
from gateway.core.refusal import Refusal
from gateway.core.sanitise import find_control
from gateway.core.scopes import Message, takes_part
from gateway.core.sizes import Measure, Room, most, written
from gateway.core.terms import Direction, On, Side
from gateway.core.uui import UuiSetup
from gateway.core.uui_fields import FieldProblem
from gateway.core.values import FieldType

TO_THE_PBX = Message(Direction.TO_PBX, On.INVITE, Side.TWILIO)

_SHORTEST = {FieldType.E164: "+1", FieldType.UUID: "0" * 32}


def percent(value: str) -> str:
    """A value as it stands in a URI: all but letters, digits and `-_.~` escaped."""
    return quote(build_octets(value), safe="")


def build_sip_uri(uri: str, headers: Iterable[tuple[str, str]], sends: Sends) -> str | Refusal:
    """The URI with the headers behind it, or why Twilio would not send them as they are."""
    pieces = []
    for name, value in headers:
        problem = _header_problem(name, value, sends)
        if problem is not None:
            return Refusal(f"{name} would not be sent by Twilio: {problem}")
        pieces.append(f"{name}={percent(value)}")
    query = "&".join(pieces)
    for what, size, limit in (
        ("the SIP URI", len(uri), sends.uri_characters),
        ("the headers of the SIP URI", len(query), sends.headers_characters),
    ):
        if size >= limit:
            return Refusal(f"{what} would have {size} characters, and Twilio takes fewer than {limit}")
    return f"{uri}?{query}" if query else uri


def _header_problem(name: str, value: str, sends: Sends) -> str | None:
    if is_reserved(name) or not matches_name(name, sends.names):
        return f"it takes {', '.join(sends.names)}"
    if find_control(value) is not None:
        return "the value has a control character"
    if sends.characters is Characters.ASCII and not value.isascii():
        return "the value has other characters than ASCII"
    return None


def sending_problems(fields: Sequence[Field], profile: Profile) -> Iterator[FieldProblem]:
    """Fields that can never come: of a name that Twilio does not send, or of required ones that have no room."""
    sends = profile.sends
    if sends is None:
        return
    sent = list(_sent(fields, sends))
    for one, locator in sent:
        name = target_header(locator, Dialect.HEADERS)
        told = Direction.TO_TWILIO in one.direction and profile.name_problem(name) is not None
        if not matches_name(name, sends.names) and not told:
            names = ", ".join(sends.names)
            text = f"{name} cannot come from Twilio: in a URI it takes {names} (profile {profile.name})"
            yield FieldProblem(one.name, "twilio", text)
    limit = f"Twilio sends fewer than {sends.headers_characters} (profile {profile.name})"
    yield from _without_room(sent, sends.headers_characters, f"in the headers of a SIP URI, and {limit}")


def refer_problems(fields: Sequence[Field], profile: Profile) -> Iterator[FieldProblem]:
    """Required fields that have no room in a REFER that is passed on to Twilio."""
    if profile.sends is not None:
        limit = f"Twilio takes {profile.sends.refer_to_characters} of it with its URI (profile {profile.name})"
        yield from _without_room(
            list(_referred(fields)), profile.sends.refer_to_characters, f"in Refer-To, and {limit}"
        )


def _without_room(sent: Sequence[tuple[Field, Locator]], limit: int, where: str) -> Iterator[FieldProblem]:
    """The first of the required fields that has no room, even if all of them are as short as they can be."""
    least = 0
    for one, locator in sent:
        before = least
        least += _least(one, locator) if one.required and one.default is None else 0
        if before < limit <= least:
            text = f"the required fields up to here take {least} characters at least {where}"
            yield FieldProblem(one.name, "twilio", text)


def sending_room(fields: Sequence[Field], setup: UuiSetup, sends: Sends) -> Room:
    """The characters that the fields can take in the headers of Twilio's URI."""
    return _room(_sent(fields, sends), Side.TWILIO, setup, sends.headers_characters)


def refer_room(fields: Sequence[Field], setup: UuiSetup, sends: Sends) -> Room:
    """The characters that the fields can take in Refer-To of a REFER that is passed on to Twilio."""
    return _room(_referred(fields), Side.PBX, setup, sends.refer_to_characters)


def _room(sent: Iterable[tuple[Field, Locator]], sender: Side, setup: UuiSetup, limit: int) -> Room:
    sizes = {one.name: most(one, sender, _characters(one, locator, setup)) for one, locator in sent}
    bounded = {name: size for name, size in sizes.items() if size is not None}
    too_long = tuple(name for name, size in bounded.items() if size >= limit)
    open_ended = tuple(name for name, size in sizes.items() if size is None)
    return Room(tuple(sizes), tuple(bounded), open_ended, too_long, sum(bounded.values()))


def unsent_fields(fields: Sequence[Field], sends: Sends) -> Iterator[tuple[Message, str]]:
    """Fields of a response or a BYE of Twilio, into which an application has no documented way to put them."""
    for message in (Message(Direction.TO_TWILIO, on, Side.TWILIO) for on in (On.PROGRESS, On.ANSWER, On.END)):
        for one in fields:
            if takes_part(one, message) and one.twilio is not None and is_the_applications(one.twilio, sends):
                yield message, one.name


def _sent(fields: Sequence[Field], sends: Sends) -> Iterator[tuple[Field, Locator]]:
    """The fields that an application at Twilio has to send, with their places there."""
    for one in fields:
        locator = one.twilio
        if locator is not None and takes_part(one, TO_THE_PBX) and is_the_applications(locator, sends):
            yield one, locator


def _referred(fields: Sequence[Field]) -> Iterator[tuple[Field, Locator]]:
    """The fields that a REFER of the PBX carries to Twilio, with their places there."""
    for one in fields:
        locator = one.twilio
        takes = any(takes_part(one, Message(direction, On.REFER, Side.PBX)) for direction in Direction)
        if locator is not None and takes and locator.writable:
            yield one, locator


def is_the_applications(locator: Locator, sends: Sends) -> bool:
    """Whether it is the application's to send; the rest Twilio writes by itself, or it is no header at all."""
    if locator.kind is Kind.UUI:
        return True
    return locator.kind is Kind.HEADER and not matches_name(locator.name, sends.itself)


def _least(one: Field, locator: Locator) -> int:
    if locator.kind is Kind.UUI:
        return 1
    shortest = min(one.values, key=_length) if one.values and not one.transform else _SHORTEST.get(one.type, "1")
    return len(locator.name) + len("=&") + _length(shortest)


def _length(value: str) -> int:
    return len(percent(value))


def _characters(one: Field, locator: Locator, setup: UuiSetup) -> Measure:
    name = target_header(locator, Dialect.HEADERS)
    return lambda value: len(name) + len("=&") + _length(written(value, locator, one.type, setup))
