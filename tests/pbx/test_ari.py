"""Variables over ARI: the channel is found by its `protocol_id`, and whatever ARI answers is a result or one error."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import httpx
import pytest

from gateway.core.plan import WriteBack
from gateway.core.variables import Variable, WriteResult, Written
from gateway.errors import PbxError
from gateway.pbx.ari import AriChannels

ACCESS = WriteBack("http://pbx.example:8088/ari", "gw", "hunter2")
AGENT = Variable("agent", "AGENT", 'bob, "the" agent; ${EXTEN} Zoë ' + "x" * 3900)
CHANNELS = [{"id": "17.1", "protocol_id": "a@pbx"}, {"id": "17.2", "protocol_id": "b@gw"}, {"id": "17.3"}]


class Ari:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self, listed: tuple[int, Any] = (200, CHANNELS), wrote: int = 204) -> None:
        self.listed, self.wrote = listed, wrote
        self.asked: list[httpx.Request] = []
        self.channels = AriChannels(ACCESS, httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.method == "GET":
            code, body = self.listed
            return httpx.Response(code, content=body if isinstance(body, bytes) else json.dumps(body))
        return httpx.Response(self.wrote)


def test_a_variable_is_set_on_the_channel_of_the_call() -> None:
    ari = Ari()
    assert ari.channels.set("b@gw", [AGENT]) == [Written(WriteResult.WRITTEN)]
    listing, setting = ari.asked
    assert str(listing.url) == "http://pbx.example:8088/ari/channels"
    assert str(setting.url) == "http://pbx.example:8088/ari/channels/17.2/variable"
    assert json.loads(setting.content) == {"variable": "AGENT", "value": AGENT.value}
    assert setting.headers["Authorization"] == f"Basic {b64encode(b'gw:hunter2').decode()}"
    ari.channels.close()


@pytest.mark.parametrize(
    ("ari", "wanted"),
    [
        (Ari(listed=(200, [])), Written(WriteResult.GONE)),
        (Ari(wrote=404), Written(WriteResult.GONE)),
        (Ari(wrote=409), Written(WriteResult.REFUSED, "no ARI application holds the channel")),
        (Ari(wrote=403), Written(WriteResult.REFUSED, "ARI answers 403")),
        (Ari(listed=(401, {})), Written(WriteResult.REFUSED, "ARI answers 401")),
    ],
    ids=["gone", "gone meanwhile", "not in an application", "read-only", "wrong password"],
)
def test_what_is_not_set(ari: Ari, wanted: Written) -> None:
    assert ari.channels.set("b@gw", [AGENT, AGENT]) == [wanted, wanted]


@pytest.mark.parametrize(
    ("ari", "error"),
    [
        (Ari(listed=(500, {})), "ARI answers 500"),
        (Ari(listed=(302, {})), "ARI answers 302"),
        (Ari(wrote=503), "ARI answers 503"),
        (Ari(listed=(200, b"<html>")), "ARI gives no list of channels"),
        (Ari(listed=(200, {"channels": 3})), "ARI gives no list of channels"),
        (Ari(listed=(200, [{"protocol_id": "b@gw"}])), "ARI gives no list of channels"),
        (Ari(listed=(200, 7)), "ARI gives no list of channels"),
    ],
    ids=["fails", "redirects", "fails later", "no JSON", "an object", "no id", "a number"],
)
def test_what_ari_may_do_instead(ari: Ari, error: str) -> None:
    with pytest.raises(PbxError) as caught:
        ari.channels.set("b@gw", [AGENT])
    assert str(caught.value) == error


def test_nobody_is_there() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(PbxError, match="ARI does not answer: ConnectError"):
        AriChannels(ACCESS, httpx.MockTransport(refuse)).set("b@gw", [AGENT])
