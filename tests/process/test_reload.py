"""A new configuration for a running gateway: new calls use it, calls in progress keep theirs, a bad one is refused."""

from __future__ import annotations

import copy
import json
import re
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.process.daemon import DIRECTIONS, Gateway, Tree
from tests.process.places import own_host
from tests.process.waiting import wait_until
from tests.process.wire import status

SENT = {"to_twilio": "X-PBX-CUSTOMER-ID: C-1", "to_pbx": "X-CustomerID: C-1"}
BEFORE = {"to_twilio": "X-CustomerID", "to_pbx": "X-PBX-CUSTOMER-ID"}
AFTER = {"to_twilio": "X-Client", "to_pbx": "X-PBX-CLIENT"}
"""The header that carries the value, by direction."""
RELOADS = 20

Reload = Callable[[Gateway], None]


@pytest.fixture(autouse=True)
def as_before(gateway: Gateway) -> Iterator[None]:
    """The module's gateway goes back to the configuration that it began with."""
    before, gateway.configuration = gateway.configuration, copy.deepcopy(gateway.configuration)
    yield
    gateway.configuration = before
    gateway.write_configuration()
    already = sum(line["msg"] == "reloaded" for line in gateway.log())
    assert gateway.request("/reload", "POST")[0] == 200
    gateway.told(already + 1, msg="reloaded")


def rename(tree: Tree) -> None:
    """The value is read where it was and written elsewhere."""
    tree["context"]["fields"] = {
        "to_twilio": {"pbx": "var:CUSTOMER_ID", "twilio": "header:X-Client", "direction": "to_twilio"},
        "to_pbx": {"twilio": "header:X-CustomerID", "pbx": "var:CLIENT", "direction": "to_pbx"},
    }


def reloads(gateway: Gateway, **result: str) -> float:
    return gateway.counted("gateway_config_reloads_total", **result)


def reload_by_signal(gateway: Gateway) -> None:
    before = reloads(gateway)
    gateway.signal(signal.SIGHUP)
    wait_until(lambda: reloads(gateway) > before, "the reload is over")


def reload_by_request(gateway: Gateway) -> None:
    gateway.request("/reload", "POST")


def names_that_leave(gateway: Gateway, direction: str) -> set[str]:
    """The X- headers of an INVITE that the callee gets now."""
    with gateway.wire(gateway.callee(direction)) as callee:
        refused = {"code": "486", "header": "Reason: SIP;cause=486"}
        caller = gateway.caller(direction).call("uac-refused", headers=SENT[direction], **refused)
        invite = callee.wait_for("INVITE")
        callee.send(callee.reply(invite, "486 Busy Here"))
        caller.finish()
    return set(re.findall(r"^(X-[^:]+):", invite, re.MULTILINE))


@pytest.mark.parametrize("reload", [reload_by_signal, reload_by_request])
def test_new_calls_use_the_new_configuration(gateway: Gateway, reload: Reload) -> None:
    old = gateway.ask("/status")["plan_hash"]
    for direction in DIRECTIONS:
        assert names_that_leave(gateway, direction) == {BEFORE[direction]}
    callee = gateway.twilio.serve("uas-answer")
    caller = gateway.pbx.call("uac-hung-up-on")
    [call] = gateway.wait_for_talking()

    rename(gateway.configuration)
    gateway.write_configuration()
    reload(gateway)

    assert (reloads(gateway, result="success"), reloads(gateway, result="failure")) == (1, 0)
    new = gateway.ask("/status")["plan_hash"]
    assert new != old
    assert gateway.measured("gateway_config_info", hash=new) == 1
    assert [line["config"] for line in gateway.told(msg="reloaded")] == [new]
    [same] = gateway.wait_for_talking()
    assert (same["id"], same["plan_hash"]) == (call["id"], old)
    assert gateway.request(f"/calls/{call['id']}", "DELETE")[0] == 202
    caller.finish()
    callee.finish()
    for direction in DIRECTIONS:
        assert names_that_leave(gateway, direction) == {AFTER[direction]}


def unknown_key(gateway: Gateway) -> None:
    gateway.configuration["limits"]["cals"] = 1
    gateway.write_configuration()


def no_yaml(gateway: Gateway) -> None:
    gateway.config_path.write_text("trunks: [")


def no_file(gateway: Gateway) -> None:
    gateway.config_path.unlink()


def another_listener(gateway: Gateway) -> None:
    gateway.configuration["sip"]["listen"] = gateway.configuration["sip"]["listen"][:1]
    gateway.write_configuration()


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (unknown_key, "limits.cals"),
        (no_yaml, "YAML"),
        (no_file, "cannot be read"),
        (another_listener, "sip.listen"),
    ],
    ids=["an unknown key", "no YAML", "no file", "what needs a restart"],
)
def test_a_bad_file_changes_nothing(gateway: Gateway, spoil: Callable[[Gateway], None], place: str) -> None:
    gateway.allowed_errors.add("reload refused")
    old = gateway.ask("/status")["plan_hash"]
    spoil(gateway)

    code, body = gateway.request("/reload", "POST")
    assert code == 422
    file = str(gateway.config_path)
    assert all(problem.startswith(f"{file}: ") for problem in json.loads(body)["problems"])
    assert any(place in problem for problem in json.loads(body)["problems"])
    reload_by_signal(gateway)
    assert (reloads(gateway, result="success"), reloads(gateway, result="failure")) == (0, 2)
    assert len(gateway.told(2, msg="reload refused")) == 2
    assert gateway.ask("/status")["plan_hash"] == old
    assert gateway.is_ready()
    for direction in DIRECTIONS:
        assert names_that_leave(gateway, direction) == {BEFORE[direction]}


def test_a_trunk_comes_and_goes(gateway: Gateway) -> None:
    """A source is allowed from the reload on that allows it, and its call outlives the one that does not."""
    newcomer = own_host()
    trunks = gateway.configuration["trunks"]
    routes = [{"from": name, "to": "twilio"} for name in ("pbx", "branch")] + [{"from": "twilio", "to": "pbx"}]

    def come(configuration: Tree) -> None:
        trunks["branch"] = trunks["pbx"] | {"uris": [f"sip:{newcomer}"], "allow": [f"{newcomer}/32"]}
        configuration["routes"] = routes

    def go(configuration: Tree) -> None:
        del trunks["branch"]
        del configuration["routes"]

    def final_code() -> int:
        invite = caller.invite()
        caller.send(invite)
        final = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, final))
        return status(final)

    with gateway.wire_from(newcomer) as caller, gateway.wire(gateway.twilio) as callee:
        assert final_code() == 403
        come(gateway.configuration)
        gateway.write_configuration()
        reload_by_request(gateway)

        invite = caller.invite()
        caller.send(invite)
        callee.answer(callee.wait_for("INVITE"))
        answer = caller.wait_for_final(invite)
        assert status(answer) == 200
        caller.send(caller.in_dialog("ACK", invite, answer))
        gateway.wait_for_talking()

        go(gateway.configuration)
        gateway.write_configuration()
        reload_by_request(gateway)
        assert reloads(gateway, result="success") == 2
        assert final_code() == 403
        gateway.wait_for_talking()
        caller.send(caller.in_dialog("BYE", invite, answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")
        assert gateway.counted("gateway_rejected_total", reason="unknown-source") == 2


def test_many_reloads_leave_nothing_behind(gateway: Gateway) -> None:
    for number in range(RELOADS):
        gateway.configuration["limits"]["ring_seconds"] = 10 + number
        gateway.write_configuration()
        reload_by_request(gateway)
    assert reloads(gateway, result="success") == RELOADS
    callee = gateway.twilio.serve("uas-answer")
    gateway.pbx.call("uac-call").finish()
    callee.finish()
    gateway.assert_outcomes("to_twilio", "success/completed")
