"""OPTIONS to a trunk's URIs: who does not answer is called last, and comes back by itself."""

from __future__ import annotations

import pytest

from tests.process.conftest import StartGateway
from tests.process.daemon import Gateway, Site, Tree
from tests.process.places import Place, own_host
from tests.process.waiting import wait_until
from tests.process.wire import TcpWireServer, WirePeer, header


def second(place: Place) -> Place:
    return Place(place.host, place.port + 1 if place.port < 65535 else place.port - 1)


def asked(tree: Tree, site: Site) -> None:
    """The PBX has two URIs, asked each second."""
    tree["limits"]["response_seconds"] = 0.5
    tree["trunks"]["pbx"]["uris"] = [f"sip:{site.pbx}", f"sip:{second(site.pbx)}"]
    tree["trunks"]["pbx"]["options_interval_seconds"] = 1


class Attendant:
    """Answers each OPTIONS that a peer gets, whenever something is waited for."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.answers: dict[WirePeer, str] = {}
        self._answered: set[str] = set()

    def wait(self, peer: WirePeer, message: str) -> None:
        """Until the log has this about the peer's URI, as the newest that it has about it."""
        uri = f"sip:{peer.place}"

        def said() -> bool:
            self.attend()
            lines = [line["msg"] for line in self.gateway.log() if line.get("uri") == uri]
            return bool(lines) and lines[-1] == message

        wait_until(said, f"{message}: {uri}")

    def attend(self) -> int:
        """Answer what came; how much that was so far."""
        for peer, answer in self.answers.items():
            for options in peer.received("OPTIONS"):
                if options not in self._answered:
                    self._answered.add(options)
                    peer.send(peer.reply(options, answer))
        return len(self._answered)

    def is_ready(self) -> bool:
        self.attend()
        return self.gateway.request("/readyz")[0] == 200

    def is_up(self, trunk: str) -> bool:
        self.attend()
        return self.gateway.measured("gateway_trunk_up", trunk=trunk) == 1

    def are_down(self) -> tuple[list[str], float]:
        """The URIs of the PBX that do not answer: which, and the number of them that is measured."""
        self.attend()
        [pbx] = [trunk for trunk in self.gateway.ask("/status")["trunks"] if trunk["name"] == "pbx"]
        return pbx["down"], self.gateway.measured("gateway_trunk_uris_down", trunk="pbx")


def call(gateway: Gateway, callee: WirePeer) -> None:
    """A call that reaches this peer."""
    earlier = {header(invite, "Call-ID") for invite in callee.received("INVITE")}

    def placed_now() -> list[str]:
        return [invite for invite in callee.received("INVITE") if header(invite, "Call-ID") not in earlier]

    with gateway.wire_caller(gateway.twilio) as caller:
        invite = caller.invite()
        caller.send(invite)
        placed = wait_until(placed_now, "the call arrives")[0]
        callee.answer(placed)
        answer = caller.wait_for("SIP/2.0 200")
        caller.send(caller.in_dialog("ACK", invite, answer))
        caller.send(caller.in_dialog("BYE", invite, answer, 2))
        callee.send(callee.reply(callee.wait_for_of("BYE", placed), "200 OK"))


@pytest.mark.parametrize("down", ["silent", "503 Service Unavailable"])
def test_a_uri_that_is_down_costs_no_call_and_comes_back(start_gateway: StartGateway, down: str) -> None:
    gateway = start_gateway(asked)
    here, there = gateway.wire(gateway.pbx), gateway.wire(gateway.pbx, second(gateway.pbx.place))
    with here as first, there as spare:
        attendant = Attendant(gateway)
        attendant.answers = {spare: "200 OK"} | ({} if down == "silent" else {first: down})
        attendant.wait(first, "trunk does not answer")
        [line] = gateway.told(msg="trunk does not answer", uri=f"sip:{first.place}")
        assert "calls try it last until it answers OPTIONS again" in line["advice"]
        assert attendant.is_up("pbx")
        wait_until(lambda: attendant.are_down() == ([f"sip:{first.place}"], 1), "it is shown to be down")
        call(gateway, spare)
        [ended] = gateway.assert_outcomes("to_pbx", "success/completed")
        assert ended["attempts"] == 1
        assert first.received("INVITE") == []
        attendant.answers[first] = "404 Not Found"  # it is there, whatever it thinks of us
        attendant.wait(first, "trunk answers again")
        wait_until(lambda: attendant.are_down() == ([], 0), "it is shown to be back")


def change(gateway: Gateway, response_seconds: float, options_interval_seconds: int) -> None:
    gateway.configuration["limits"]["response_seconds"] = response_seconds
    gateway.configuration["trunks"]["pbx"]["options_interval_seconds"] = options_interval_seconds
    gateway.write_configuration()
    assert gateway.request("/reload", "POST")[0] == 200


def two_uris(tree: Tree, site: Site) -> None:
    tree["trunks"]["pbx"]["uris"] = [f"sip:{site.pbx}", f"sip:{second(site.pbx)}"]


def test_a_uri_that_dies_costs_one_call_a_wait_and_the_next_none(start_gateway: StartGateway) -> None:
    """Between two OPTIONS, which are far apart: what the first call finds out, the second knows."""
    gateway = start_gateway(two_uris)
    here, there = gateway.wire(gateway.pbx), gateway.wire(gateway.pbx, second(gateway.pbx.place))
    with here as first, there as spare:
        attendant = Attendant(gateway)
        attendant.answers = {first: "200 OK", spare: "200 OK"}
        change(gateway, response_seconds=30, options_interval_seconds=600)
        wait_until(lambda: attendant.attend() == 2, "both were asked")
        change(gateway, response_seconds=0.5, options_interval_seconds=600)
        call(gateway, spare)
        assert gateway.told(msg="trunk does not answer", uri=f"sip:{first.place}")
        asked = header(first.wait_for("INVITE"), "Call-ID")
        call(gateway, spare)
        assert {header(invite, "Call-ID") for invite in first.received("INVITE")} == {asked}
        ended = gateway.assert_outcomes("to_pbx", "success/completed", "success/completed")
        assert [line["attempts"] for line in ended] == [2, 1]
        assert attendant.is_up("pbx")
        change(gateway, response_seconds=0.5, options_interval_seconds=1)
        attendant.wait(first, "trunk answers again")


def test_a_connection_that_fails_is_known_to_the_next_call(start_gateway: StartGateway) -> None:
    """Over TCP, between two OPTIONS: nobody had to wait, and nobody tries in vain again."""

    def tcp_first(tree: Tree, site: Site) -> None:
        tree["trunks"]["pbx"]["uris"] = [f"sip:{site.pbx};transport=tcp", f"sip:{second(site.pbx)}"]

    gateway = start_gateway(tcp_first)
    with gateway.wire(gateway.pbx, second(gateway.pbx.place)) as spare:
        attendant = Attendant(gateway)
        with TcpWireServer(gateway.site.gateway, gateway.pbx.place) as first:
            attendant.answers = {first: "200 OK", spare: "200 OK"}
            change(gateway, response_seconds=30, options_interval_seconds=600)
            wait_until(lambda: attendant.attend() == 2, "both were asked")
        call(gateway, spare)
        assert gateway.told(msg="trunk does not answer", uri=f"sip:{first.place};transport=tcp")
        call(gateway, spare)
        ended = gateway.assert_outcomes("to_pbx", "success/completed", "success/completed")
        assert [line["attempts"] for line in ended] == [2, 1]


def test_a_probe_is_plain_and_anonymous(start_gateway: StartGateway) -> None:
    gateway = start_gateway(asked)
    with gateway.wire(gateway.pbx) as peer:
        options = peer.wait_for("OPTIONS")
        assert options.startswith(f"OPTIONS sip:{peer.place} SIP/2.0\r\n")
        assert header(options, "From").startswith(f"<sip:{gateway.site.gateway.host}>")
        peer.send(peer.reply(options, "200 OK"))


def test_without_a_usable_trunk_the_gateway_is_not_ready(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    assert gateway.is_ready()
    for trunk, interval in (("pbx", 1), ("twilio", 15)):
        gateway.configuration["trunks"][trunk]["options_interval_seconds"] = interval
    gateway.configuration["limits"]["response_seconds"] = 0.5
    gateway.write_configuration()
    assert gateway.request("/reload", "POST")[0] == 200
    with gateway.wire(gateway.pbx) as peer:
        attendant = Attendant(gateway)
        wait_until(lambda: not attendant.is_ready(), "no trunk is usable")
        assert not attendant.is_up("pbx")
        assert not attendant.is_up("twilio")
        attendant.answers = {peer: "200 OK"}
        wait_until(attendant.is_ready, "one trunk is usable again")
        assert attendant.is_up("pbx")
        assert not attendant.is_up("twilio")


def test_a_refused_connection_is_no_answer(start_gateway: StartGateway) -> None:
    """Over TCP nobody has to wait for silence."""

    def over_tcp(tree: Tree, site: Site) -> None:
        asked(tree, site)
        tree["limits"]["response_seconds"] = 30
        tree["trunks"]["pbx"]["uris"] = [f"sip:{site.pbx};transport=tcp"]

    gateway = start_gateway(over_tcp)
    assert gateway.told(msg="trunk does not answer")


def test_a_uri_of_several_trunks_is_asked_once_for_all(start_gateway: StartGateway) -> None:
    """At the start, when all would be asked at once, and not again for an hour."""
    names = ("twilio", "sales", "support")

    def shared(tree: Tree, site: Site) -> None:
        tree["limits"]["response_seconds"] = 0.5
        for name in names[1:]:
            tree["trunks"][name] = site.trunk("twilio", site.twilio) | {"allow": [own_host()]}
        tree["routes"] = [{"from": "pbx", "to": "twilio"}]

    gateway = start_gateway(shared)
    with gateway.wire(gateway.twilio) as peer:
        for name in names:
            gateway.configuration["trunks"][name]["options_interval_seconds"] = 3600
        gateway.write_configuration()
        assert gateway.request("/reload", "POST")[0] == 200
        for name in names:
            gateway.told(msg="trunk does not answer", trunk=name)
        options = peer.wait_for("OPTIONS")
        peer.send(peer.reply(options, "200 OK"))
        for name in names:
            gateway.told(msg="trunk answers again", trunk=name)
        assert {header(one, "Call-ID") for one in peer.received("OPTIONS")} == {header(options, "Call-ID")}
