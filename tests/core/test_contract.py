"""The contract: what is compiled, what is refused and how it is said."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.core.contract import Contract, FieldProblem
from gateway.core.fields import Field, FieldType, Sensitivity
from gateway.core.locators import parse_locator
from gateway.core.plan import Dialect
from gateway.core.profiles import PROFILES
from gateway.core.receipt import Outcome
from gateway.core.terms import Direction, On, Side

TO_TWILIO = frozenset({Direction.TO_TWILIO})
TO_PBX = frozenset({Direction.TO_PBX})


def field(name: str, pbx: str | None, twilio: str | None, **more: Any) -> Field:
    return Field(name, pbx and parse_locator(pbx), twilio and parse_locator(twilio), **more)


def problems(
    direction: Direction, *fields: Field, dialect: Dialect = Dialect.ASTERISK, profile: str | None = None
) -> list[FieldProblem]:
    name = profile or ("sip-domain" if direction is Direction.TO_TWILIO else "pbx")
    return Contract(fields).problems(direction, On.INVITE, direction.source, dialect, PROFILES[name])


VAR_ON_TWILIO = "var: is a variable of a PBX, Twilio has none: use header:"
READ_ONLY = "sip:from.user can be read and not written: say direction: {}, or use header: var: or uui"


@pytest.mark.parametrize(
    ("direction", "one", "key", "text"),
    [
        (
            Direction.TO_TWILIO,
            field("f", "var:A", "header:A"),
            "twilio",
            "A is not passed on by the other side (profile sip-domain): use X-* or User-to-User",
        ),
        (
            Direction.TO_TWILIO,
            field("f", "var:A", "header:Via"),
            "twilio",
            "Via belongs to the SIP dialog, context cannot be written to it",
        ),
        (
            Direction.TO_PBX,
            field("f", "header:l", "header:X-A"),
            "pbx",
            "l belongs to the SIP dialog, context cannot be written to it",
        ),
        (
            Direction.TO_TWILIO,
            field("f", "var:A", "header:X-Twilio-A"),
            "twilio",
            "X-Twilio-A is Twilio's own, X-Twilio-* never leaves the gateway",
        ),
        (
            Direction.TO_PBX,
            field("f", "header:x-twilio-a", "header:X-Twilio-A"),
            "pbx",
            "x-twilio-a is Twilio's own, X-Twilio-* never leaves the gateway",
        ),
        (
            Direction.TO_TWILIO,
            field("f", "header:X-Twilio-A", "header:X-A"),
            "pbx",
            "header:X-Twilio-A is believed only from Twilio, it cannot be read from the PBX",
        ),
        (Direction.TO_TWILIO, field("f", "var:A", "sip:from.user"), "twilio", READ_ONLY.format("to_pbx")),
        (Direction.TO_PBX, field("f", "sip:from.user", "header:X-A"), "pbx", READ_ONLY.format("to_twilio")),
        (Direction.TO_TWILIO, field("f", "header:X-A", "var:A"), "twilio", VAR_ON_TWILIO),
        (Direction.TO_PBX, field("f", "header:X-A", "var:A"), "twilio", VAR_ON_TWILIO),
        (
            Direction.TO_PBX,
            field("f", "var:A", "header:X-A", type=FieldType.INTEGER, default="many"),
            "default",
            "the default cannot be sent: not an integer",
        ),
        (
            Direction.TO_PBX,
            field("f", "var:A", "header:X-A", default="long", max_bytes=3),
            "default",
            "the default cannot be sent: 4 bytes, 3 allowed (max_bytes)",
        ),
        (
            Direction.TO_PBX,
            field("f", "var:A", "header:X-A", default="a\nb", max_bytes=3),
            "default",
            "the default cannot be sent: control character U+000A is not allowed in a header",
        ),
        (
            Direction.TO_PBX,
            field("f", "var:A", "header:X-A", type=FieldType.ENUM, default="a"),
            "values",
            "an enum needs values: list them, such as values: [general, sales]",
        ),
        (
            Direction.TO_PBX,
            field("f", "var:A", "header:X-A", values=("a",)),
            "values",
            "only a field of type enum has values",
        ),
        (
            Direction.TO_PBX,
            field("f", "var:A", "header:X-A", type=FieldType.ENUM, values=("a", "b"), default="c"),
            "default",
            "the default cannot be sent: not one of a, b",
        ),
    ],
)
def test_a_field_that_cannot_work_is_a_problem(direction: Direction, one: Field, key: str, text: str) -> None:
    assert problems(direction, one) == [FieldProblem("f", key, text)]


@pytest.mark.parametrize(
    ("direction", "one"),
    [
        (Direction.TO_TWILIO, field("f", "var:A", "header:X-A")),
        (Direction.TO_PBX, field("f", "var:A", "header:X-A")),
        (Direction.TO_TWILIO, field("f", "sip:from.user", "uui")),
        (Direction.TO_PBX, field("f", "var:TWILIO_CALL_SID", "header:X-Twilio-CallSid")),
        (Direction.TO_PBX, field("f", "header:User-to-User", "const:x")),
        (Direction.TO_TWILIO, field("f", None, "header:X-A")),
        (Direction.TO_TWILIO, field("f", "header:From", None)),
        (Direction.TO_TWILIO, field("f", "var:A", "header:X-A", type=FieldType.BOOLEAN, default="yes", max_bytes=4)),
        (Direction.TO_TWILIO, field("f", "var:A", "header:Bad", direction=TO_PBX)),
    ],
)
def test_a_field_that_works_is_none(direction: Direction, one: Field) -> None:
    assert problems(direction, one) == []


def test_a_variable_of_freeswitch_may_look_like_twilios() -> None:
    one = field("sid", "var:TWILIO_CALL_SID", "header:X-Twilio-CallSid")
    assert problems(Direction.TO_PBX, one, dialect=Dialect.FREESWITCH) == []


def test_the_far_end_decides_what_a_name_may_be() -> None:
    one = field("uui", "uui", "uui")
    assert problems(Direction.TO_TWILIO, one) == []
    assert [problem.key for problem in problems(Direction.TO_TWILIO, one, profile="elastic-trunk")] == ["twilio"]


@pytest.mark.parametrize(
    ("dialect", "first", "second", "header"),
    [
        (Dialect.ASTERISK, "header:X-A", "header:x-a", "x-a"),
        (Dialect.ASTERISK, "var:QUEUE", "header:X-PBX-QUEUE", "X-PBX-QUEUE"),
        (Dialect.FREESWITCH, "header:X-QUEUE", "var:QUEUE", "X-QUEUE"),
        (Dialect.ASTERISK, "uui", "header:User-to-User", "User-to-User"),
        (Dialect.ASTERISK, "header:s", "header:Subject", "Subject"),
    ],
)
def test_two_fields_cannot_write_one_header(dialect: Dialect, first: str, second: str, header: str) -> None:
    fields = (field("one", first, "header:X-1"), field("two", second, "header:X-2"))
    text = f"two and one both write {header}: give each a place of its own"
    assert problems(Direction.TO_PBX, *fields, dialect=dialect) == [FieldProblem("two", "pbx", text)]
    with pytest.raises(ValueError, match=re.escape(f"field two: {text}")):
        Contract(fields).rules(Direction.TO_PBX, On.INVITE, Side.TWILIO, dialect, PROFILES["pbx"])


def test_two_fields_may_write_one_header_in_different_dialects_or_directions() -> None:
    fields = (field("one", "var:QUEUE", "header:X-1"), field("two", "header:X-PBX-QUEUE", "header:X-2"))
    assert problems(Direction.TO_PBX, *fields, dialect=Dialect.FREESWITCH) == []
    assert problems(Direction.TO_TWILIO, *fields) == []
    assert problems(Direction.TO_PBX, field("one", None, "header:X-1"), field("two", None, "header:X-1")) == []


def test_all_problems_are_told_at_once_in_order() -> None:
    fields = (
        field("a", "header:X-Twilio-A", "header:Via", default=" "),
        field("b", "header:X-B", "header:X-B"),
        field("c", "header:X-C", "header:X-B"),
        field("d", "header:X-D", "sip:to.user"),
    )
    found = [(problem.field, problem.key) for problem in problems(Direction.TO_TWILIO, *fields)]
    assert found == [("a", "pbx"), ("a", "twilio"), ("a", "default"), ("d", "twilio"), ("c", "twilio")]


def test_rules_are_compiled_once_for_each_combination() -> None:
    contract = Contract((field("a", "var:A", "header:X-A"),))
    kind = (Direction.TO_TWILIO, On.INVITE, Side.PBX, Dialect.ASTERISK, PROFILES["sip-domain"])
    assert contract.rules(*kind) is contract.rules(*kind)
    assert contract.rules(*kind) is not contract.rules(Direction.TO_PBX, *kind[1:])


def test_rules_hold_only_fields_of_their_direction_and_message() -> None:
    contract = Contract(
        (
            field("both", "var:A", "header:X-A"),
            field("to_pbx", "var:B", "header:X-B", direction=TO_PBX),
            field("answer", "var:C", "header:X-C", on=frozenset({On.ANSWER})),
            field("name", "var:D", "header:X-D", direction=TO_TWILIO, sensitivity=Sensitivity.PII),
        )
    )
    rules = contract.rules(Direction.TO_TWILIO, On.INVITE, Side.PBX, Dialect.ASTERISK, PROFILES["sip-domain"])
    assert [rule.field.name for rule in rules.rules] == ["both", "name"]
    assert rules.redacted == {"name"}


def test_a_private_constant_is_not_shown() -> None:
    fields = (
        field("public", "const:open", "header:X-A", direction=TO_TWILIO),
        field("secret", "const:hunter2", "header:X-B", direction=TO_TWILIO, sensitivity=Sensitivity.SECRET),
        field("name", "sip:from.user", "header:X-C", direction=TO_TWILIO, sensitivity=Sensitivity.PII),
    )
    rules = Contract(fields).rules(Direction.TO_TWILIO, On.INVITE, Side.PBX, Dialect.ASTERISK, PROFILES["sip-domain"])
    accounts = [rule.account(Outcome.SENT, 0, None) for rule in rules.rules]
    assert [entry.source for entry in accounts] == ["const:open", "const:***", "sip:from.user"]


def test_a_message_that_no_field_is_on_need_not_be_read() -> None:
    contract = Contract((field("a", "var:A", "header:X-A"), field("b", "var:B", None, on=frozenset({On.END}))))
    assert [on for on in On if contract.reads(on)] == [On.INVITE, On.END]


# ---- Transfers ----


def transferred(*fields: Field, direction: Direction = Direction.TO_TWILIO, sender: Side, profile: str) -> list[str]:
    """The fields of the INVITE that follows from a REFER."""
    rules = Contract(fields).transfer_rules(direction, sender, Dialect.ASTERISK, PROFILES[profile])
    assert rules.on is On.REFER
    return [rule.field.name for rule in rules.rules]


REFER_ONLY = field("ticket", "header:X-Ticket", "header:X-Ticket", on=frozenset({On.REFER}))
INVITE_ONLY = field("customer", "var:CUSTOMER", "header:X-Customer")
NEITHER = field("cause", "header:X-Cause", "header:X-Cause", on=frozenset({On.END}))
ONE_WAY = field("name", "sip:from.display", "header:X-Name", direction=TO_TWILIO)
NOT_THERE = field("sid", None, "header:X-Sid")


def test_a_transfer_carries_the_fields_of_refer_and_of_the_invite() -> None:
    fields = (INVITE_ONLY, NEITHER, REFER_ONLY, ONE_WAY, NOT_THERE)
    assert transferred(*fields, sender=Side.PBX, profile="sip-domain") == ["customer", "ticket", "name"]


def test_a_field_that_cannot_go_back_stays_behind() -> None:
    fields = (INVITE_ONLY, REFER_ONLY, ONE_WAY)
    assert transferred(*fields, sender=Side.TWILIO, profile="asterisk") == ["customer", "ticket"]


def test_of_two_fields_with_one_place_that_of_refer_goes() -> None:
    rival = field("rival", "header:X-Ticket", "header:X-Rival")
    assert transferred(rival, REFER_ONLY, sender=Side.TWILIO, profile="asterisk") == ["ticket"]


def test_a_field_for_the_other_direction_is_not_carried() -> None:
    there = field("name", "header:X-Name", "header:X-Name", direction=TO_PBX)
    assert transferred(there, sender=Side.PBX, profile="sip-domain") == []


def test_what_twilio_reads_of_no_refer_it_reads_of_an_invite() -> None:
    assert transferred(INVITE_ONLY, sender=Side.PBX, profile="elastic-trunk") == ["customer"]


def test_rules_of_a_transfer_are_compiled_once() -> None:
    contract = Contract((INVITE_ONLY,))
    kind = (Direction.TO_TWILIO, Side.PBX, Dialect.ASTERISK, PROFILES["sip-domain"])
    assert contract.transfer_rules(*kind) is contract.transfer_rules(*kind)


def test_the_headers_that_a_refer_is_read_for() -> None:
    fields = (
        INVITE_ONLY,
        REFER_ONLY,
        field("product", "var:PRODUCT_ID", "uui:product", on=frozenset({On.REFER})),
        field("who", "sip:from.user", "header:X-Who", on=frozenset({On.REFER}), direction=TO_TWILIO),
    )
    contract = Contract(fields)
    read = {side: contract.refer_headers(Direction.TO_TWILIO, side, Dialect.ASTERISK) for side in Side}
    assert read[Side.PBX] == {"x-ticket", "x-pbx-product-id"}
    assert read[Side.TWILIO] == {"x-ticket", "user-to-user"}


def test_what_a_rule_keeps_of_accounts_is_bounded() -> None:
    rules = Contract((field("a", "header:X-A", "header:X-A"),)).rules(
        Direction.TO_TWILIO, On.INVITE, Side.PBX, Dialect.ASTERISK, PROFILES["sip-domain"]
    )
    account = rules.rules[0].account
    for size in range(1000):
        assert account(Outcome.SENT, size, None).bytes == size
    kept = account.cache_info()
    assert kept.currsize == kept.maxsize < 1000
