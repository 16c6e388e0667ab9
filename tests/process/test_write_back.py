"""Variables for a PBX whose own interface hangs, is gone or says no: calls go on as if nothing were the matter."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.process.conftest import StartGateway
from tests.process.daemon import Gateway, Tree
from tests.process.places import free_port
from tests.process.talk import talking
from tests.process.waiting import wait_until
from tests.process.wire import carrying, sdp

VALUE = "Agent-Zoë-4711"
COUNTED = "gateway_write_back_total"


def writing(tree: Tree, url: str, queue: int = 100) -> None:
    access = {"url": url, "username": "gw", "password": "hunter2", "timeout_seconds": 30, "queue": queue}
    tree["trunks"]["pbx"]["write_back"] = access
    field = {"pbx": "var:AGENT", "twilio": "header:X-Agent", "on": ["answer", "end"]}
    tree["context"]["fields"]["agent"] = field


@contextlib.contextmanager
def hanging() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def call_with_variables(gateway: Gateway) -> None:
    """A call to Twilio whose answer and BYE have a value for the PBX."""
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "200 OK", f"X-Agent: {VALUE}", body=sdp(callee.place.host)))
        answer = caller.wait_for("SIP/2.0 200")
        assert VALUE in answer
        caller.send(caller.in_dialog("ACK", invite, answer))
        callee.wait_for("ACK")
        gateway.wait_for_talking()
        bye = callee.in_dialog_of_callee("BYE", placed, 1)
        callee.send(carrying(bye, f"X-Agent: {VALUE}"))
        caller.send(caller.reply(caller.wait_for("BYE"), "200 OK"))
        callee.wait_for_final(bye)


@pytest.mark.parametrize("scheme", ["ami://127.0.0.1:{port}", "http://127.0.0.1:{port}/ari"], ids=["AMI", "ARI"])
def test_a_pbx_that_hangs_delays_no_call(start_gateway: StartGateway, scheme: str) -> None:
    """Whole calls pass while the first write has not come to anything; what does not fit into the queue is dropped."""
    with hanging() as port:
        gateway = start_gateway(lambda tree, site: writing(tree, scheme.format(port=port), queue=1))
        for _ in range(2):
            call_with_variables(gateway)
        gateway.assert_outcomes("to_twilio", "success/completed", "success/completed")
        assert {result: gateway.counted(COUNTED, result=result) for result in ("dropped", "failed", "written")} == {
            "dropped": 2,  # of four: one is under way, one waits
            "failed": 0,
            "written": 0,
        }
        gateway.stop()


def test_a_pbx_that_is_not_there_is_told_of(start_gateway: StartGateway) -> None:
    """Counted, in the record, and once in the log; the value is in the record alone."""
    port = free_port("127.0.0.1")
    gateway = start_gateway(lambda tree, site: writing(tree, f"ami://127.0.0.1:{port}"))
    call_with_variables(gateway)
    [ended] = gateway.assert_outcomes("to_twilio", "success/completed")
    wait_until(lambda: gateway.counted(COUNTED, trunk="pbx", result="failed") == 2, "both failed")
    record = gateway.ask(f"/calls/{ended['call']}")
    entry = {"field": "agent", "variable": "AGENT", "result": "failed"}
    entry["reason"] = "AMI does not answer: ConnectionRefusedError"
    assert record["write_back"] == [entry | {"on": "answer"}, entry | {"on": "end"}]
    assert record["context"]["agent"] == VALUE
    lines = wait_until(lambda: [line for line in gateway.log() if line["level"] == "WARNING"], "it is logged")
    assert [line["msg"] for line in lines] == ["variable not written back"]
    assert lines[0] | {"call": ended["call"], "trunk": "pbx", "on": "answer"} | entry == lines[0]
    assert VALUE not in gateway.log_path.read_text()


def test_a_reload_says_where_variables_go(start_gateway: StartGateway) -> None:
    gateway = start_gateway(lambda tree, site: writing(tree, f"ami://127.0.0.1:{free_port('127.0.0.1')}"))
    del gateway.configuration["trunks"]["pbx"]["write_back"]
    with talking(gateway, "to_twilio") as talk:
        gateway.write_configuration()
        assert gateway.request("/reload", "POST")[0] == 200
        bye = talk.callee.in_dialog_of_callee("BYE", talk.placed, 1)
        talk.callee.send(carrying(bye, f"X-Agent: {VALUE}"))
        talk.caller.send(talk.caller.reply(talk.caller.wait_for("BYE"), "200 OK"))
        talk.callee.wait_for_final(bye)
    [ended] = gateway.assert_outcomes("to_twilio", "success/completed")
    [entry] = wait_until(lambda: gateway.ask(f"/calls/{ended['call']}")["write_back"], "it is in the record")
    assert (entry["result"], entry["reason"]) == ("dropped", "the trunk has no write_back any more")
