"""Placing calls: the form that the context takes for each kind of target, what is refused, what Twilio is asked."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from gateway.core.contract import Contract
from gateway.core.fields import Field
from gateway.core.plan import Account
from gateway.core.profiles import PROFILES
from gateway.core.transforms import Lookup
from gateway.errors import AccountError
from gateway.twilio.calling import Order, Prepared, place_call, prepare
from tests.twilio.samples import CONTRACT, PROFILE, SID, field

URL = "https://app.example.com/answered?a=b"
SIP = "sip:100@gw.example.com;transport=tls"


def order(to: str, url: str | None = URL, twiml: str | None = None, **values: str) -> Order:
    return Order(to, "+15550100", values, url, twiml)


@pytest.mark.parametrize(
    ("made", "to", "url"),
    [
        (order(SIP), SIP, URL),
        (
            order(SIP, customer_id="C&1 ;", queue="SALES", count="7"),
            f"{SIP}?X-CustomerID=C%261%20%3B&X-Queue=SALES&User-to-User=7B22636F756E74223A377D%3Bencoding%3Dhex",
            URL,
        ),
        (order("client:alice"), "client:alice", URL),
        (
            order("client:alice", customer_id="C&1 é", count="07"),
            "client:alice?customer_id=C%261%20%C3%A9&count=7",
            URL,
        ),
        (order("+15551234567"), "+15551234567", URL),
        (order("+15551234567", customer_id="C&1"), "+15551234567", f"{URL}&customer_id=C%261"),
        (
            order("+15551234567", url="https://app.example.com/v", customer_id="1"),
            "+15551234567",
            "https://app.example.com/v?customer_id=1",
        ),
    ],
)
def test_the_context_takes_the_form_that_arrives(made: Order, to: str, url: str) -> None:
    assert prepare(made, CONTRACT, PROFILE) == Prepared(to, "+15550100", url, None)


def test_twiml_is_an_answer_too() -> None:
    made = order("client:alice", url=None, twiml="<Response/>", customer_id="1")
    assert prepare(made, CONTRACT, PROFILE) == Prepared("client:alice?customer_id=1", "+15550100", None, "<Response/>")


ANSWER = "say what Twilio does once the call is answered: a URL or TwiML, one of them"
NO_WAY = "does not go from Twilio to the PBX when a call begins (its direction, on, or place)"


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (order(SIP, unknown="1"),
         "there is no field 'unknown'; there are customer_id, queue, count, note, caller_name, result"),
        (order(SIP, url=None), ANSWER),
        (order("+15551234567", url="app.example.com"), "'app.example.com' is not a URL of https or http"),
        (order("client:a", url="https://["), "'https://[' is not a URL of https or http"),
        (order(SIP, twiml="<Response/>"), ANSWER),
        (order(SIP, caller_name="Alice"), f"caller_name {NO_WAY}"),
        (order(SIP, result="1"), f"result {NO_WAY}"),
        (order(SIP, queue="other"), "queue: not one of sales, support"),
        (order(SIP, count="x"), "count: not an integer"),
        (order(SIP, customer_id="c" * 301), "customer_id: 301 bytes, 300 allowed (max_bytes)"),
        (order(SIP, customer_id="é"),
         "X-CustomerID would not be sent by Twilio: the value has other characters than ASCII"),
        (order(SIP, note="a\tb"), "X-Note would not be sent by Twilio: the value has a control character"),
        (order(SIP, note="n" * 1020),
         "the headers of the SIP URI would have 1027 characters, and Twilio takes fewer than 1024"),
        (order(f"sip:{'1' * 250}@gw", note="n"),
         "the SIP URI would have 257 characters, and Twilio takes fewer than 255"),
        (order("sips:100@gw", note="n"),
         "write the URI as sip:USER@HOST;transport=tls, without sips: and without headers after `?`"),
        (order(f"{SIP}?X-A=1"),
         "write the URI as sip:USER@HOST;transport=tls, without sips: and without headers after `?`"),
        (order("sip:"), "'sip:' cannot be called: the host of the URI is malformed"),
        (order("client:alice", count="x"), "count: not an integer"),
        (order("client:alice", note="n" * 800),
         "the fields have 804 bytes, and 800 are what Twilio takes (profile sip-domain)"),
        (order("client:a?b=c"), "'client:a?b=c' is neither sip:USER@HOST, client:NAME nor a number such as +15550100"),
        (order("100"), "'100' is neither sip:USER@HOST, client:NAME nor a number such as +15550100"),
        (order("+15551234567", url=None, twiml="<Response/>", note="1"),
         "a call to a number carries no context: give a URL in place of TwiML, which gets the fields"),
    ],
)  # fmt: skip
def test_what_would_not_arrive_is_refused(made: Order, complaint: str) -> None:
    with pytest.raises(AccountError) as caught:
        prepare(made, CONTRACT, PROFILE)
    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    ("one", "values", "complaint"),
    [
        (field("must", "header:X-Must", required=True), {}, "must is required in calls to the PBX"),
        (field("must", "header:X-Must", transform=(Lookup((("1", "a"),)),)), {"must": "2"},
         "must: not in the table of transform lookup"),
    ],
)  # fmt: skip
def test_what_the_gateway_would_miss_or_refuse_is_refused(one: Field, values: dict[str, str], complaint: str) -> None:
    with pytest.raises(AccountError) as caught:
        prepare(order(SIP, **values), Contract((one,)), PROFILE)
    assert str(caught.value) == complaint
    assert prepare(order("client:a", **values), Contract((one,)), PROFILE).url == URL


@pytest.mark.parametrize("twilio", ["header:X-Twilio-CallSid", "sip:from.user", None])
def test_what_no_application_sends_is_not_asked_of_it(twilio: str | None) -> None:
    one = field("must", twilio, required=True)
    assert prepare(order(SIP), Contract((one,)), PROFILE).to == SIP


def test_everything_that_is_wrong_is_said() -> None:
    with pytest.raises(AccountError) as caught:
        prepare(order(SIP, count="x", caller_name="Alice", note="é"), CONTRACT, PROFILE)
    assert len(str(caught.value).splitlines()) == 3


def test_a_far_end_that_is_not_known_to_send_headers_is_not_asked() -> None:
    with pytest.raises(AccountError, match="nothing is known of what Twilio sends to SIP URIs"):
        prepare(order(SIP), CONTRACT, PROFILES["elastic-trunk"])


# ---- What Twilio is asked ----


class Api(HTTPServer):
    """A REST API that keeps what it is asked."""

    def __init__(self, code: int, answer: dict[str, Any]) -> None:
        self.code, self.answer = code, answer
        self.asked: list[tuple[str, str, dict[str, list[str]]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.asked.append((self.path, self.headers["Authorization"], form))
        body = json.dumps(self.server.answer).encode()
        self.send_response(self.server.code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    with Api(201, {"sid": "CA0123456789abcdef0123456789abcdef"}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_twilio_is_asked_for_the_call(api: Api) -> None:
    prepared = prepare(order(SIP, customer_id="C;1"), CONTRACT, PROFILE)
    assert place_call(Account(SID, "token", f"{api.url}/"), prepared) == "CA0123456789abcdef0123456789abcdef"
    ((path, authorization, form),) = api.asked
    assert path == f"/2010-04-01/Accounts/{SID}/Calls.json"
    assert base64.b64decode(authorization.removeprefix("Basic ")).decode() == f"{SID}:token"
    assert form == {"To": [f"{SIP}?X-CustomerID=C%3B1"], "From": ["+15550100"], "Url": [URL]}


def test_twiml_goes_along(api: Api) -> None:
    prepared = Prepared("client:alice?customer_id=1", "gateway", None, "<Response/>")
    place_call(Account(SID, "token", api.url), prepared)
    assert api.asked[0][2] == {"To": ["client:alice?customer_id=1"], "From": ["gateway"], "Twiml": ["<Response/>"]}


def test_what_twilio_says_against_it_is_told(api: Api) -> None:
    api.code, api.answer = 400, {"code": 21212, "message": "The 'From' is not valid", "status": 400}
    with pytest.raises(AccountError) as caught:
        place_call(Account(SID, "token", api.url), Prepared(SIP, "x", URL, None))
    assert "Twilio does not place the call: " in str(caught.value)
    assert "The 'From' is not valid" in str(caught.value)
    assert "token" not in str(caught.value)


def test_a_twilio_that_is_not_there_is_told() -> None:
    with pytest.raises(AccountError, match="Twilio does not place the call: "):
        place_call(Account(SID, "token", "http://127.0.0.1:1"), Prepared(SIP, "x", URL, None))
