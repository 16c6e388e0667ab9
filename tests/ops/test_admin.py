"""The admin interface over real HTTP: what each path answers, who may ask, and what hostile requests get."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.bridge.ports import Phase
from gateway.core.terms import Direction
from gateway.ops.admin import MAX_LIMIT, AdminApi, build_app
from gateway.ops.gate import Gate
from gateway.ops.metrics import Build, Metrics
from gateway.ops.records import RecentCalls, record_as_dict, summary_as_dict
from gateway.ops.server import AdminServer
from gateway.ops.write_backs import WriteBackObserver
from tests.ops import samples
from tests.ops.samples import StandInControl, active, ended, plan, status

TOKEN = "t0ken-of-the-operator"


class Gateway:
    """A gateway without calls of its own, asked over HTTP."""

    def __init__(self, server: Switch, token: str | None = None) -> None:
        self.control = StandInControl()
        self.recent = RecentCalls()
        self.metrics = Metrics(Build("0.1.0", "2.17"), plan(samples.field("queue")), ())
        self.write_backs = WriteBackObserver(self.metrics)
        self.port = server.port
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=10)
        server.app = build_app(AdminApi(self.control, self.metrics, self.recent, self.write_backs), token)

    def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        answer = self.client.request(method, path, **options)
        return answer.status_code, answer.json()


class Switch:
    """One running server for all tests; each test has an application of its own behind it."""

    def __init__(self) -> None:
        self.app: ASGIApp
        self._server = AdminServer(self._serve, "127.0.0.1", 0)
        self._server.start()
        self.port = self._server.port

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def close(self) -> None:
        self._server.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[Switch]:
    switch = Switch()
    yield switch
    switch.close()


@pytest.fixture
def gateway(server: Switch) -> Iterator[Gateway]:
    running = Gateway(server)
    with running.client:
        yield running


@pytest.fixture
def guarded_gateway(server: Switch) -> Iterator[Gateway]:
    running = Gateway(server, token=TOKEN)
    with running.client:
        yield running


# -- reading ---------------------------------------------------------------------------------------------------------


def test_metrics_are_the_text_that_prometheus_reads(gateway: Gateway) -> None:
    gateway.control.current = status(Phase.DRAINING)
    answer = gateway.client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=bad,text/plain"})
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert families["gateway_draining"].samples[0].value == 1
    assert {sample.labels["trunk"] for sample in families["gateway_trunk_up"].samples} == {"pbx", "twilio"}


def test_metrics_are_there_when_the_sip_thread_is_stuck(gateway: Gateway) -> None:
    gateway.control.failure = TimeoutError()
    assert "gateway_calls_total" in gateway.client.get("/metrics").text


def test_healthz_asks_nobody(gateway: Gateway) -> None:
    gateway.control.failure = TimeoutError()
    assert gateway.ask("GET", "/healthz") == (200, {"status": "alive"})


@pytest.mark.parametrize(
    ("phase", "usable", "code", "ready"),
    [
        pytest.param(Phase.STARTING, True, 503, False, id="starting"),
        pytest.param(Phase.RUNNING, True, 200, True, id="running"),
        pytest.param(Phase.RUNNING, False, 503, False, id="no usable trunk"),
        pytest.param(Phase.DRAINING, True, 503, False, id="draining"),
        pytest.param(Phase.STOPPING, True, 503, False, id="stopping"),
    ],
)
def test_readyz_says_whether_calls_are_welcome(
    gateway: Gateway, phase: Phase, usable: bool, code: int, ready: bool
) -> None:
    gateway.control.current = status(phase, usable)
    assert gateway.ask("GET", "/readyz") == (code, {"ready": ready, "phase": phase.value})


def test_status(gateway: Gateway) -> None:
    at_work = status(calls=3)
    pbx, twilio = at_work.trunks
    down = ("sip:acme.sip.dublin.twilio.com",)
    gateway.control.current = replace(at_work, trunks=(pbx, replace(twilio, down=down)))
    assert gateway.ask("GET", "/status") == (
        200,
        {
            "phase": "running",
            "ready": True,
            "started": "2023-11-14T22:13:20.250Z",
            "calls": 3,
            "plan_hash": "0123abcd",
            "trunks": [
                {"name": "pbx", "side": "pbx", "usable": True, "down": []},
                {"name": "twilio", "side": "twilio", "usable": True, "down": list(down)},
            ],
        },
    )


def test_config(gateway: Gateway) -> None:
    code, config = gateway.ask("GET", "/config")
    assert (code, config["trunks"]["twilio"]["auth"]["password"]) == (200, "***")


def test_calls_in_progress_come_before_those_that_ended_newest_first(gateway: Gateway) -> None:
    gateway.recent.add(ended(id="e1"))
    gateway.recent.add(ended(id="e2"))
    gateway.control.active = [active(id="a1"), active(id="a2", started=samples.STARTED + 1)]
    code, answer = gateway.ask("GET", "/calls")
    assert (code, answer["active"]) == (200, 2)
    assert [call["id"] for call in answer["calls"]] == ["a2", "a1", "e2", "e1"]
    assert answer["calls"][3] == summary_as_dict(ended(id="e1"))


def test_a_call_that_ends_while_calls_are_listed_is_listed_once(gateway: Gateway) -> None:
    gateway.recent.add(ended())
    gateway.control.active = [active()]
    assert [call["state"] for call in gateway.ask("GET", "/calls")[1]["calls"]] == ["ended"]


def test_no_calls_is_an_empty_list(gateway: Gateway) -> None:
    assert gateway.ask("GET", "/calls") == (200, {"active": 0, "calls": []})


def test_limit_bounds_the_list_and_not_the_count(gateway: Gateway) -> None:
    gateway.control.active = [active(id=str(number)) for number in range(5)]
    code, answer = gateway.ask("GET", "/calls?limit=2")
    assert (code, answer["active"], len(answer["calls"])) == (200, 5, 2)


def test_a_thousand_calls_are_listed(gateway: Gateway) -> None:
    for number in range(MAX_LIMIT):
        gateway.recent.add(ended(id=str(number)))
    assert len(gateway.ask("GET", f"/calls?limit={MAX_LIMIT}")[1]["calls"]) == MAX_LIMIT


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "+5", "1_0", "x", "", "\u0665", "9" * 5000, "1e2"])
def test_a_limit_that_is_none_is_said(gateway: Gateway, limit: str) -> None:
    expected = (400, {"error": "limit must be a number from 1 to 1000"})
    assert gateway.ask("GET", "/calls", params={"limit": limit}) == expected


@pytest.mark.parametrize("where", ["in progress", "ended lately"])
def test_one_call(gateway: Gateway, where: str) -> None:
    if where == "in progress":
        gateway.control.active = [active()]
        assert gateway.ask("GET", "/calls/5f0c") == (200, record_as_dict(active()) | {"media": [], "write_back": []})
    else:
        gateway.recent.add(ended())
        assert gateway.ask("GET", "/calls/5f0c") == (200, record_as_dict(ended()) | {"write_back": []})


@pytest.mark.parametrize(
    "call_id",
    [
        pytest.param("0000", id="realistic: gone"),
        pytest.param("a" * 8000, id="pathological: long"),
        pytest.param("%0d%0aX-Evil:%201", id="pathological: line end"),
        pytest.param("%00%ff%fe", id="pathological: not UTF-8"),
        pytest.param("%2e%2e%2f%2e%2e%2fetc%2fpasswd", id="pathological: path"),
        pytest.param("'%20OR%201=1", id="pathological: query"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_call_nobody_knows_is_404_and_not_repeated(gateway: Gateway, method: str, call_id: str) -> None:
    code, answer = gateway.ask(method, f"/calls/{call_id}")
    assert code == 404
    assert answer["error"] in ("no such call, in progress or among those that ended lately", "no such path")


def test_answers_are_not_kept(gateway: Gateway) -> None:
    for path in ("/status", "/calls", "/nowhere"):
        assert gateway.client.get(path).headers["cache-control"] == "no-store"


def test_values_of_peers_that_are_no_text_still_make_json(gateway: Gateway) -> None:
    gateway.recent.add(ended(inbound_call_id="caf\udce9\u2028", context={"queue": "\ud800\x00"}))
    assert gateway.ask("GET", "/calls/5f0c")[1]["context"] == {"queue": "?\x00"}
    assert gateway.ask("GET", "/calls")[1]["calls"][0]["inbound_call_id"] == "caf?\u2028"


# -- changing --------------------------------------------------------------------------------------------------------


def test_end_a_call(gateway: Gateway) -> None:
    gateway.control.active = [active()]
    assert gateway.ask("DELETE", "/calls/5f0c") == (202, {"status": "ending"})
    assert gateway.control.asked == ["end 5f0c"]


def test_drain(gateway: Gateway) -> None:
    assert gateway.ask("POST", "/drain") == (202, {"status": "draining"})
    assert gateway.control.asked == ["drain"]


def test_reload(gateway: Gateway) -> None:
    assert gateway.ask("POST", "/reload") == (200, {"status": "reloaded"})


def test_a_reload_that_fails_lists_every_problem(gateway: Gateway) -> None:
    gateway.control.problems = ["gw.yaml: a: wrong", "gw.yaml: b: wrong"]
    error = "the configuration has problems; the running one stays"
    assert gateway.ask("POST", "/reload") == (422, {"error": error, "problems": gateway.control.problems})


# -- who may ask -----------------------------------------------------------------------------------------------------

CHANGES = [("POST", "/drain"), ("POST", "/reload"), ("DELETE", "/calls/5f0c")]


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("Bearer", id="no token"),
        pytest.param("Bearer wrong", id="wrong"),
        pytest.param(f"Bearer {TOKEN}x", id="too long"),
        pytest.param(f"Bearer {TOKEN[:-1]}", id="too short"),
        pytest.param(f"Basic {TOKEN}", id="another scheme"),
        pytest.param(TOKEN, id="no scheme"),
        pytest.param("Bearer t\u00f6ken".encode("latin-1"), id="not ASCII"),
    ],
)
def test_changing_needs_the_token(
    guarded_gateway: Gateway, method: str, path: str, authorization: str | bytes | None
) -> None:
    headers = [] if authorization is None else [("Authorization", authorization)]
    answer = guarded_gateway.client.request(method, path, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json() == {"error": "this needs the admin token: Authorization: Bearer TOKEN"}
    assert guarded_gateway.control.asked == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Bearer "])
def test_the_token_opens(guarded_gateway: Gateway, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {TOKEN}", "Origin": "https://ops.example"}
    assert guarded_gateway.ask("POST", "/drain", headers=headers) == (202, {"status": "draining"})


def test_a_token_beyond_ascii_opens(server: Switch) -> None:
    with Gateway(server, token="schl\u00fcssel").client as client:
        headers = [("Authorization", "Bearer schl\u00fcssel".encode())]
        assert client.post("/drain", headers=headers).status_code == 202


def test_reading_needs_no_token(guarded_gateway: Gateway) -> None:
    for path in ("/metrics", "/healthz", "/readyz", "/status", "/calls", "/config"):
        assert guarded_gateway.client.get(path).status_code == 200
        assert guarded_gateway.client.head(path).status_code == 200


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize("header", ["Origin", "Forwarded", "X-Forwarded-For"])
def test_without_a_token_pages_and_proxies_are_not_this_machine(
    gateway: Gateway, method: str, path: str, header: str
) -> None:
    expected = (403, {"error": "without admin.token only this machine may do this"})
    assert gateway.ask(method, path, headers={header: "127.0.0.1"}) == expected
    assert gateway.control.asked == []


def code_for(address: str | None, method: str) -> int:
    """What the gate lets a request from `address` have: 200 if it passes."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    client = None if address is None else (address, 40000)
    scope = {"type": "http", "method": method, "path": "/drain", "headers": [], "client": client}
    asyncio.run(Gate(Response(), None)(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    ("address", "code"),
    [
        pytest.param("127.0.0.1", 200, id="loopback"),
        pytest.param("127.8.9.10", 200, id="all of 127/8 is"),
        pytest.param("::1", 200, id="IPv6 loopback"),
        pytest.param("::ffff:127.0.0.1", 200, id="loopback on a socket for both"),
        pytest.param("192.0.2.7", 403, id="another machine"),
        pytest.param("::ffff:192.0.2.7", 403, id="another machine on a socket for both"),
        pytest.param("fe80::1%eth0", 403, id="link-local with a zone"),
        pytest.param(None, 403, id="unknown"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "OPTIONS", "FOO"])
def test_without_a_token_only_this_machine_may_change_anything(address: str | None, code: int, method: str) -> None:
    assert code_for(address, method) == code
    assert code_for(address, "GET") == 200


def test_a_refusal_is_logged_without_the_token_that_was_tried(
    guarded_gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(50):
        guarded_gateway.client.post("/drain", headers={"Authorization": "Bearer guessed-secret"})
    (line,) = caplog.records
    assert (line.levelname, line.name) == ("WARNING", "gateway.ops.gate")
    assert {"method": "POST", "path": "/drain", "code": 401, "source_address": "127.0.0.1"}.items() <= vars(
        line
    ).items()
    assert "guessed-secret" not in str(vars(line))


# -- what is wrong with a request ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "code", "error"),
    [
        ("GET", "/", 404, "no such path"),
        ("GET", "/nowhere", 404, "no such path"),
        ("GET", "/status/", 404, "no such path"),
        ("GET", "/calls/5f0c/audio", 404, "no such path"),
        ("POST", "/calls", 405, "this path does not take this method"),
        ("GET", "/drain", 405, "this path does not take this method"),
        ("PUT", "/calls/5f0c", 405, "this path does not take this method"),
        ("FOO", "/status", 405, "this path does not take this method"),
    ],
)
def test_a_wrong_path_or_method_is_said_in_json(
    gateway: Gateway, method: str, path: str, code: int, error: str
) -> None:
    assert gateway.ask(method, path) == (code, {"error": error})


def test_a_wrong_method_is_told_the_right_ones(gateway: Gateway) -> None:
    allowed = gateway.client.put("/calls/5f0c").headers["allow"]
    assert {method.strip() for method in allowed.split(",")} == {"GET", "HEAD", "DELETE"}


@pytest.mark.parametrize(("method", "path"), [("POST", "/reload"), ("GET", "/status")])
@pytest.mark.parametrize("content", [b"x" * 257, b"x" * 1_000_000, [b"chunk", b"chunk"]])
def test_a_body_is_refused_unread(gateway: Gateway, method: str, path: str, content: Any) -> None:
    assert gateway.ask(method, path, content=content) == (413, {"error": "no request here has a body"})
    assert gateway.control.asked == []


@pytest.mark.parametrize("content", [b"{}", b"x" * 256])
def test_a_small_body_is_not_looked_at(gateway: Gateway, content: bytes) -> None:
    assert gateway.ask("POST", "/drain", content=content)[0] == 202
    assert gateway.ask("POST", "/reload", content=content)[0] == 200
    assert gateway.ask("GET", "/status", content=content)[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"POST /drain HTTP/1.1\r\nHost: [\r\nOrigin: x\r\n\r\n", id="a Host that is no host, refused"),
        pytest.param(b"GET /nowhere HTTP/1.1\r\nHost: [\r\n\r\n", id="a Host that is no host, 404"),
        pytest.param(b"GET http://[/status HTTP/1.1\r\nHost: x\r\n\r\n", id="an absolute target that is none"),
        pytest.param(b"GET /status?limit=%zz&%00 HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n", id="octets"),
    ],
)
def test_hostile_requests_get_an_answer_and_no_traceback(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as peer:
        peer.sendall(sent)
        assert peer.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 400", b"HTTP/1.1 403", b"HTTP/1.1 404")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


# -- failure ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/status", "/readyz", "/calls"])
def test_a_sip_thread_that_does_not_answer_is_503(gateway: Gateway, path: str) -> None:
    gateway.control.failure = TimeoutError()
    error = "the SIP thread did not answer in time; what was asked for may still happen"
    assert gateway.ask("GET", path) == (503, {"error": error})


@pytest.mark.parametrize("path", ["/status", "/metrics"])
def test_a_failure_of_ours_is_500_with_its_traceback_in_the_log_alone(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    gateway.control.failure = RuntimeError("secret detail")
    assert gateway.ask("GET", path) == (500, {"error": "the gateway failed on this; its log says why"})
    gateway.control.failure = None
    assert gateway.client.get(path).status_code == 200
    (line,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (line.getMessage(), vars(line)["path"]) == ("admin request failed", path)
    assert line.exc_info and isinstance(line.exc_info[1], RuntimeError)


def test_many_readers_at_once_read_the_same(gateway: Gateway) -> None:
    for _ in range(100):
        gateway.metrics.calls.started(Direction.TO_PBX)
        gateway.metrics.call_ended(ended(direction=Direction.TO_PBX))
    texts: list[str] = []
    url = f"http://127.0.0.1:{gateway.port}/metrics"
    readers = [threading.Thread(target=lambda: texts.append(httpx.get(url, timeout=20).text)) for _ in range(10)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    ours = [[line for line in text.splitlines() if line.startswith("gateway_")] for text in texts]
    assert len(ours) == 10
    assert all(lines == ours[0] for lines in ours)
