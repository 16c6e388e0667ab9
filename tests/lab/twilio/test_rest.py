"""REST of the stand-in, asked by the `twilio` library as it comes."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from gateway.lab.twilio.driver import LabHttpClient
from gateway.lab.twilio.settings import ACCOUNT_SID, AUTH_TOKEN
from tests.lab.twilio.chain import Chain

FROM = "+15550001111"
TWIML = "<Response><Pause length='30'/></Response>"

REFUSED = {
    "no To": ({"to": "", "from_": FROM, "twiml": TWIML}, 400, 21201),
    "no From": ({"to": "+1555", "from_": "", "twiml": TWIML}, 400, 21213),
    "a From that is a URI": ({"to": "+1555", "from_": "a@b", "twiml": TWIML}, 400, 21212),
    "no TwiML": ({"to": "+1555", "from_": FROM}, 400, 21205),
    "TwiML of more than 4,000 characters": ({"to": "+1555", "from_": FROM, "twiml": "x" * 4001}, 400, 32018),
    "headers of 1,024 characters": ({"to": f"sip:a@b?X-A={'x' * 1020}", "from_": FROM, "twiml": TWIML}, 400, 21227),
    "a header that Twilio does not send": ({"to": "sip:a@b?Diversion=x", "from_": FROM, "twiml": TWIML}, 400, 13252),
}


@pytest.mark.parametrize(("given", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(chain: Chain, given: dict[str, str], status: int, code: int) -> None:
    with pytest.raises(TwilioRestException) as error:
        chain.rest.calls.create(**given)
    assert (error.value.status, error.value.code) == (status, code)


def test_a_wrong_token(chain: Chain) -> None:
    stranger = Client(ACCOUNT_SID, "wrong", http_client=LabHttpClient(chain.twilio.url))
    with pytest.raises(TwilioRestException) as error:
        stranger.calls.create(to="+1555", from_=FROM, twiml=TWIML)
    assert (error.value.status, error.value.code) == (401, 20003)


def test_another_account(chain: Chain) -> None:
    other = Client(
        chain.rest.username, chain.rest.password, "AC" + "1" * 32, http_client=LabHttpClient(chain.twilio.url)
    )
    with pytest.raises(TwilioRestException) as error:
        other.calls("CA1").fetch()
    assert (error.value.status, error.value.code) == (404, 20404)


def test_a_call_through_its_life(chain: Chain) -> None:
    created = chain.rest.calls.create(to="+15551230000", from_=FROM, twiml=TWIML)
    assert (created.direction, created.to, created._from, created.account_sid) == (
        "outbound-api",
        "+15551230000",
        FROM,
        ACCOUNT_SID,
    )
    chain.twilio.wait_for_call(lambda it: it["sid"] == created.sid and it["status"] == "in-progress")
    assert chain.rest.calls(created.sid).fetch().status == "in-progress"
    assert created.sid in [call.sid for call in chain.rest.calls.list()]
    chain.rest.calls(created.sid).update(status="completed")
    ended = chain.rest.calls(created.sid).fetch()
    assert ended.status == "completed"
    assert ended.duration is not None and ended.end_time is not None and ended.end_time >= ended.start_time


def test_a_change_that_the_stand_in_does_not_know(chain: Chain) -> None:
    created = chain.rest.calls.create(to="+15551230000", from_=FROM, twiml=TWIML)
    with pytest.raises(TwilioRestException) as error:
        chain.rest.calls(created.sid).update(twiml="<Response/>")
    assert error.value.code == 20001


@pytest.mark.parametrize(("number", "status"), [("+15550000001", "busy"), ("+15550000002", "no-answer")])
def test_a_number_that_does_not_take_the_call(chain: Chain, number: str, status: str) -> None:
    done = chain.application.answer("/status", "")
    call = chain.rest.calls.create(to=number, from_=FROM, twiml=TWIML, timeout=1, status_callback=done)
    params = chain.application.expect("/status")
    assert (params["CallSid"], params["CallStatus"]) == (call.sid, status)


def test_a_sip_endpoint_that_wants_credentials(chain: Chain) -> None:
    """The gateway does not challenge; a telephone that does is called directly."""
    phone = chain.pbx
    call = chain.rest.calls.create(
        to=f"sip:x@{phone.address}:{phone.port}", from_=FROM, twiml=TWIML, sip_auth_username="u", sip_auth_password="p"
    )
    challenged = phone.expect_call()
    challenged.hangup(407, [("Proxy-Authenticate", 'Digest realm="pbx", nonce="n"')])
    challenged.expect("ended")
    arrived = phone.expect_call()
    assert 'username="u"' in dict(arrived.headers)["Proxy-Authorization"]
    arrived.hangup(486)
    arrived.expect("ended")
    chain.twilio.wait_for_call(lambda it: it["sid"] == call.sid and it["status"] == "busy")


# ---- The shape of answers, after Twilio's OpenAPI description (twilio_api_v2010), any property nullable ----

DATE = "date-time-rfc-2822"
CALL = {
    **dict.fromkeys(("sid", "parent_call_sid"), "CA"),
    "account_sid": "AC",
    **dict.fromkeys(("date_created", "date_updated", "start_time", "end_time"), DATE),
    **dict.fromkeys(("to", "to_formatted", "from", "from_formatted", "phone_number_sid", "direction"), str),
    **dict.fromkeys(("duration", "price", "price_unit", "answered_by", "api_version", "forwarded_from"), str),
    **dict.fromkeys(("group_sid", "caller_name", "queue_time", "stir_verstat", "trunk_sid", "uri"), str),
    "status": {"queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"},
    "subresource_uris": dict,
}
PARTICIPANT = {
    "account_sid": "AC",
    **dict.fromkeys(("call_sid", "call_sid_to_coach"), "CA"),
    "conference_sid": "CF",
    **dict.fromkeys(("date_created", "date_updated"), DATE),
    **dict.fromkeys(("label", "queue_time", "uri"), str),
    **dict.fromkeys(("coaching", "end_conference_on_exit", "muted", "hold", "start_conference_on_enter"), bool),
    "status": {"queued", "connecting", "ringing", "connected", "complete", "failed"},
}


def assert_shape(answer: dict[str, Any], shape: dict[str, Any]) -> None:
    """Every property and no other, each of its kind."""
    assert set(answer) == set(shape)
    wrong = {name: value for name, value in answer.items() if value is not None and not is_of(value, shape[name])}
    assert wrong == {}


def is_of(value: Any, kind: Any) -> bool:
    if isinstance(kind, type):
        return isinstance(value, kind)
    if isinstance(kind, set):
        return value in kind
    if kind == DATE:
        return parsedate_to_datetime(value).tzinfo is not None
    return bool(re.fullmatch(f"{kind}[0-9a-fA-F]{{32}}", value))


def ask(chain: Chain, method: str, path: str, **form: str) -> dict[str, Any]:
    """What the API answers, unread by the library."""
    url = f"{chain.twilio.url}/2010-04-01/Accounts/{ACCOUNT_SID}/{path}"
    given = {"auth": (ACCOUNT_SID, AUTH_TOKEN), "trust_env": False, "timeout": 20}
    answer = httpx.request(method, url, data=form or None, **given)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_shape_of_a_call(chain: Chain) -> None:
    created = ask(chain, "POST", "Calls.json", To="+15551230000", From=FROM, Twiml=TWIML)
    chain.twilio.wait_for_call(lambda it: it["sid"] == created["sid"] and it["status"] == "in-progress")
    answered = ask(chain, "GET", f"Calls/{created['sid']}.json")
    ask(chain, "POST", f"Calls/{created['sid']}.json", Status="completed")
    ended = ask(chain, "GET", f"Calls/{created['sid']}.json")
    assert (answered["start_time"] is None, ended["end_time"] is None) == (False, False)
    [listed] = [it for it in ask(chain, "GET", "Calls.json")["calls"] if it["sid"] == created["sid"]]
    for answer in (created, answered, ended, listed):
        assert_shape(answer, CALL)


def test_the_shape_of_a_participant(chain: Chain) -> None:
    path = "Conferences/shapes/Participants.json"
    created = ask(chain, "POST", path, To="+15551230000", From=FROM, Label="customer")
    assert created["label"] == "customer"
    assert_shape(created, PARTICIPANT)


def test_the_shape_of_an_error(chain: Chain) -> None:
    url = f"{chain.twilio.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json"
    refused = httpx.post(url, auth=(ACCOUNT_SID, AUTH_TOKEN), data={"From": FROM}, trust_env=False, timeout=20)
    assert refused.status_code == 400
    error = refused.json()
    assert set(error) == {"code", "message", "more_info", "status"}
    assert (error["status"], error["more_info"]) == (400, f"https://www.twilio.com/docs/errors/{error['code']}")
