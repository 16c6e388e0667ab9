"""The webhook: whom it believes, what it reads, what it answers and what it writes to the log."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import httpx
import pytest
from twilio.request_validator import RequestValidator

from gateway.core.plan import Forward
from gateway.twilio.webhook import LARGEST_BODY_BYTES, build_application, read_context
from tests.twilio.samples import CONTRACT, PROFILE, account

URL = "https://app.example.com/voice"
Pairs = list[tuple[str, str]]
CALL: Pairs = [
    ("CallSid", "CA1"),
    ("From", "sip:+15550100@203.0.113.7"),
    ("SipHeader_X-CustomerID", "C 4711 é"),
    ("SipHeader_X-Queue", "sales"),
    ("SipHeader_User-to-User", "7B22636F756E74223A377D;encoding=hex"),
    ("SipHeader_X-Unknown", "crosses nothing"),
]


class Client:
    """Asks the application without a socket."""

    def __init__(self, url: str = URL) -> None:
        ours = account(Forward(client="alice"), url=url)
        assert ours.webhook is not None
        self._app = build_application(ours, ours.webhook, CONTRACT, PROFILE)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked())


def signature(url: str, pairs: Pairs, token: str = "12345") -> str:
    return str(RequestValidator(token).compute_signature(url, dict(pairs)))


def post(pairs: Pairs, query: str = "", signed: str | None = None) -> httpx.Response:
    headers = {"X-Twilio-Signature": signature(URL + query, pairs) if signed is None else signed}
    return Client().ask("POST", f"/voice{query}", content=urlencode(pairs), headers=headers)


def test_a_call_is_forwarded_with_its_context() -> None:
    answered = post(CALL)
    assert answered.status_code == 200
    assert answered.headers["content-type"].startswith("text/xml")
    noun = ElementTree.fromstring(answered.text).find("./Dial/Client")
    assert noun is not None
    assert {one.attrib["name"]: one.attrib["value"] for one in noun.findall("Parameter")} == {
        "customer_id": "C 4711 é",
        "queue": "sales",
        "count": "7",
    }


@pytest.mark.parametrize("query", ["?a=b", "?a=b&c=%20d"])
def test_the_query_is_part_of_what_is_signed(query: str) -> None:
    assert post(CALL, query).status_code == 200
    assert post(CALL, query, signed=signature(URL, CALL)).status_code == 403


@pytest.mark.parametrize(
    ("pairs", "signed"),
    [
        ([("CallSid", "CA1234567890ABCDE"), ("Digits", "1234"), ("From", "+14158675309"),
          ("To", "+18005551212"), ("Caller", "+14158675309")],
         "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ([("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")],
         "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
    ],
)  # fmt: skip
def test_twilios_own_signatures_are_believed(pairs: Pairs, signed: str) -> None:
    """The vectors of the client library's own tests."""
    ours = Client("https://mycompany.com/myapp.php")
    headers = {"X-Twilio-Signature": signed}
    there = "/myapp.php?foo=1&bar=2"
    assert ours.ask("POST", there, content=urlencode(pairs), headers=headers).status_code == 200
    assert ours.ask("POST", there, content=urlencode([*pairs, ("X", "")]), headers=headers).status_code == 403


@pytest.mark.parametrize(
    "signed",
    ["", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "é", signature(URL, CALL, "another"), signature(URL + "/", CALL)],
)
def test_who_is_not_twilio_is_refused(signed: str, caplog: pytest.LogCaptureFixture) -> None:
    headers = {"X-Twilio-Signature": signed.encode()}
    with caplog.at_level(logging.INFO):
        refused = Client().ask("POST", "/voice", content=urlencode(CALL), headers=headers)
    assert (refused.status_code, refused.text) == (403, "the signature does not fit\n")
    assert [record.getMessage() for record in caplog.records if record.name.startswith("gateway")] == [
        "webhook refused"
    ]


def test_who_asks_again_and_again_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    ours = Client()
    with caplog.at_level(logging.INFO):
        for _ in range(20):
            assert ours.ask("POST", "/voice", content="a=1").status_code == 403
    assert len([record for record in caplog.records if record.name == "gateway.webhook"]) == 1


def test_another_path_or_method_is_not_answered() -> None:
    assert Client().ask("POST", "/other").status_code == 404
    assert Client().ask("GET", "/voice").status_code == 405


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"x" * (LARGEST_BODY_BYTES + 1), 413), (b"a=%ff", 403), (b"\xff", 403), (b"a=1&" * 1001, 403), (b"", 403)],
)
def test_a_body_that_is_no_form_is_refused(body: bytes, code: int) -> None:
    assert Client().ask("POST", "/voice", content=body).status_code == code


def test_a_value_that_is_none_is_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    pairs = [
        ("CallSid", "CA1"),
        ("SipHeader_X-Queue", "other"),
        ("SipHeader_X-CustomerID", "c" * 301),
        ("SipHeader_X-Note", "private text"),
    ]
    with caplog.at_level(logging.INFO):
        answered = post(pairs)
    (line,) = [record for record in caplog.records if record.name == "gateway.webhook"]
    said: Any = vars(line)
    assert (said["call_sid"], said["fields"], said["lost"]) == ("CA1", ["note"], ["customer_id", "queue"])
    assert "private text" in answered.text
    assert "private text" not in str(said)


def test_only_fields_of_an_invite_to_twilio_are_read() -> None:
    pairs = [("SipHeader_X-Result", "1"), ("SipHeader_X-Caller-Name", "Alice"), ("X-Queue", "sales")]
    assert read_context(CONTRACT, pairs) == ({"caller_name": "Alice"}, [])


def test_a_header_that_is_there_twice_counts_once() -> None:
    pairs = [("SipHeader_X-Queue", "sales"), ("SipHeader_X-Queue", "support")]
    assert read_context(CONTRACT, pairs) == ({"queue": "sales"}, [])
