"""Whatever comes in: an answer is TwiML that says what it was given, an order is one or is refused."""

from __future__ import annotations

from contextlib import suppress
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.plan import Forward
from gateway.core.uri import parse_uri
from gateway.errors import AccountError
from gateway.twilio.answer import build_answer
from gateway.twilio.calling import Order, prepare
from gateway.twilio.webhook import read_context
from tests.twilio.samples import CONTRACT, PROFILE

TEXT = st.text(st.characters(), max_size=60) | st.text('a&=;?%"<é\x00\n', max_size=900)
VALUES = st.dictionaries(st.sampled_from([one.name for one in CONTRACT.fields]), TEXT)
NAMES = st.sampled_from(
    ["SipHeader_X-Queue", "SipHeader_X-Note", "SipHeader_User-to-User", "SipHeader_", "SipHeader_é", "CallSid"]
)


@given(VALUES)
def test_a_client_gets_each_value_as_it_is_or_not_at_all(values: dict[str, str]) -> None:
    answer = build_answer(Forward(client="a"), values, CONTRACT, PROFILE)
    found = ElementTree.fromstring(answer.twiml).findall("./Dial/Client/Parameter")
    got = {one.attrib["name"]: one.attrib["value"] for one in found}
    assert got == {name: value for name, value in values.items() if name not in answer.left_out}


@given(VALUES)
def test_a_uri_holds_each_header_as_it_is_or_not_at_all(values: dict[str, str]) -> None:
    answer = build_answer(Forward(sip="sip:1@h"), values, CONTRACT, PROFILE)
    uri = ElementTree.fromstring(answer.twiml).findtext("./Dial/Sip")
    assert uri is not None
    sent = dict(parse_uri(uri).headers)
    for name, header in (("customer_id", "X-CustomerID"), ("note", "X-Note")):
        assert sent.get(header) == (values.get(name) if name not in answer.left_out else None)


@given(st.lists(st.tuples(NAMES, TEXT), max_size=6))
def test_any_parameters_are_values_or_none(pairs: list[tuple[str, str]]) -> None:
    values, invalid = read_context(CONTRACT, pairs)
    assert not values.keys() & set(invalid)


TARGETS = TEXT | st.sampled_from(["sip:100@gw", "client:a", "+15551234567"]) | TEXT.map("sip:".__add__)


@given(TARGETS, VALUES, st.none() | TEXT | st.sampled_from(["https://app.example.com/v?a=b", "https://["]))
def test_any_order_is_prepared_or_refused(to: str, values: dict[str, str], url: str | None) -> None:
    with suppress(AccountError):
        prepared = prepare(Order(to, "me", values, url, None if url is not None else "<Response/>"), CONTRACT, PROFILE)
        assert prepared.to.partition("?")[0] == to
