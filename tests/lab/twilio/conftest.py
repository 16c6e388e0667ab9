"""One chain for all tests here; each leaves no call behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.twilio.chain import Chain, run_chain

TEST_SECONDS = 120


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.fixture(scope="session")
def session_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    folder = tmp_path_factory.mktemp("chain")
    (folder / "greeting.xml").write_text(BIN)
    (folder / "route.py").write_text(FUNCTION)
    with run_chain(
        folder,
        bins={"greeting": "greeting.xml"},
        functions={"route": "route.py"},
        numbers={"+15550000001": "is busy", "+15550000002": "does not answer"},
    ) as chain:
        yield chain
    assert (folder / "twilio.log").read_text() == ""


@pytest.fixture
def chain(session_chain: Chain) -> Iterator[Chain]:
    yield session_chain
    for call in session_chain.twilio.calls():
        if call["status"] in ("queued", "ringing", "in-progress"):
            session_chain.rest.calls(call["sid"]).update(status="completed")
            session_chain.twilio.wait_for_call(lambda it, sid=call["sid"]: it["sid"] == sid and ended(it))
    session_chain.pbx.seen()


def ended(call: dict[str, object]) -> bool:
    return call["status"] not in ("queued", "ringing", "in-progress")


BIN = """\
<Response>
  <Dial><Client><Identity>bin-{{#e164}}{{To}}{{/e164}}</Identity>
    <Parameter name="customer" value="{{SipHeader_X-CustomerID}}"/></Client></Dial>
</Response>
"""

FUNCTION = """\
from twilio.twiml.voice_response import VoiceResponse


def handler(context, event):
    response = VoiceResponse()
    client = response.dial().client()
    client.identity("function")
    client.parameter(name="customer", value=event["SipHeader_X-CustomerID"])
    client.parameter(name="account", value=context["ACCOUNT_SID"])
    return response
"""
