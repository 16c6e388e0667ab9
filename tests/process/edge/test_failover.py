"""Edges that die or are out of service, while calls are placed all the time: no call is lost, and they come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.process.edge.conftest import Raise, Scene
from tests.process.waiting import stays_false, wait_until
from tests.process.wire import sdp

INTERVAL_SECONDS = 15
"""The shortest that Twilio allows, and so the settings."""
PACE_SECONDS = 0.1
PATIENCE_CALLS = 400


@dataclass
class Caller:
    """The PBX, which calls again and again; who took each call is noted."""

    scene: Scene
    takers: list[int] = field(default_factory=list)
    """The number of the edge whose agent took each call."""

    def call(self) -> int:
        """A whole call, which must succeed; the number of the edge that it came by."""
        gateway = self.scene.gateway
        user = f"+1555{len(self.takers):07}"
        with gateway.wire_caller(gateway.pbx) as caller:
            invite = caller.invite(user=user)
            caller.send(invite)
            [(taker, placed)] = wait_until(lambda: self._arrived(user), f"the call of {user} arrives")
            agent = self.scene.agents[taker]
            agent.send(agent.reply(placed, "200 OK", body=sdp(agent.place.host)))
            answer = caller.wait_for("SIP/2.0 200")
            caller.send(caller.in_dialog("ACK", invite, answer))
            bye = caller.in_dialog("BYE", invite, answer, 2)
            caller.send(bye)
            caller.wait_for_final(bye)
            at_agent = agent.wait_for_of("BYE", placed)
            agent.send(agent.reply(at_agent, "200 OK"))
        self.takers.append(taker)
        return taker

    def _arrived(self, user: str) -> list[tuple[int, str]]:
        """The edges to whose agents the call came, and its INVITE there."""
        invites = ((number, agent.received(f"INVITE sip:{user}@")) for number, agent in enumerate(self.scene.agents))
        return [(number, found[0]) for number, found in invites if found]

    def call_until(self, happened: Callable[[], bool]) -> None:
        """Call all the time, until something has happened."""
        for _ in range(PATIENCE_CALLS):
            self.call()
            if not stays_false(happened, PACE_SECONDS):
                return
        raise AssertionError(f"not within {PATIENCE_CALLS} calls")


def is_told(scene: Scene, message: str, *edges: int) -> bool:
    """Whether the log has this of each of these edges."""
    told = {line.get("uri") for line in scene.gateway.log() if line["msg"] == message}
    return {scene.gateway.configuration["trunks"]["twilio"]["uris"][edge] for edge in edges} <= told


def ask_from_now_on(scene: Scene) -> None:
    """OPTIONS to each URI, the first at once."""
    scene.gateway.configuration["trunks"]["twilio"]["options_interval_seconds"] = INTERVAL_SECONDS
    scene.gateway.write_configuration()
    assert scene.gateway.request("/reload", "POST")[0] == 200


def test_edges_that_fail_lose_no_call_and_come_back(scene: Raise) -> None:
    """One is killed, one answers 503, the third takes their calls; then all is as it was, without anybody's doing."""
    it = scene("tls", count=3)
    killed, refusing, _ = it.edges
    caller = Caller(it)
    assert caller.call() == 0
    killed.die()
    assert caller.call() == 1
    refusing.stop()
    refusing.in_service = False
    refusing.start()
    assert [caller.call(), caller.call()] == [2, 2]
    ask_from_now_on(it)
    caller.call_until(lambda: is_told(it, "trunk does not answer", 0, 1))
    noticed = len(caller.takers)
    assert caller.call() == 2
    refusing.stop()
    refusing.in_service = True
    killed.start()
    refusing.start()
    caller.call_until(lambda: is_told(it, "trunk answers again", 0, 1))
    assert caller.call() == 0
    ended = it.gateway.assert_outcomes("to_twilio", *["success/completed"] * len(caller.takers))
    attempts = [line["attempts"] for line in ended]
    assert attempts[:4] == [1, 2, 3, 3]
    assert set(attempts[noticed:]) == {1}
