"""Fixture: edges of Twilio, the agents behind them, and a gateway that calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.process.authority import Authority
from tests.process.conftest import StartGateway
from tests.process.daemon import Gateway, Site, Tree
from tests.process.edge.agent import TwilioAgent
from tests.process.edge.kamailio import DOMAIN, PASSWORD, USERNAME, Edge
from tests.process.places import own_place

DOMAINS = (DOMAIN, "acme.sip.dublin.twilio.com", "acme.sip.ashburn.twilio.com")
"""Of the edges, in the order in which they are called."""


@dataclass
class Scene:
    """Edges, the agents behind them, and a gateway between them and a PBX."""

    edges: list[Edge]
    agents: list[TwilioAgent]
    gateway: Gateway

    @property
    def agent(self) -> TwilioAgent:
        """The one behind the edge that is called first."""
        return self.agents[0]

    def own_uri(self, transport: str, user: str = "100") -> str:
        """What Twilio dials."""
        site = self.gateway.site
        port = secure_port(site) if transport == "tls" else site.gateway.port
        return f"sip:{user}@{site.gateway.host}:{port};transport={transport}"


def secure_port(site: Site) -> int:
    return site.gateway.port + 1 if site.gateway.port < 65535 else site.gateway.port - 1


def as_it_is(tree: Tree, edges: list[Edge]) -> None:
    """Nothing is changed."""


Raise = Callable[..., Scene]


@pytest.fixture
def scene(start_gateway: StartGateway, tmp_path: Path) -> Iterator[Raise]:
    """Starts so many edges and a gateway that calls them over a transport."""

    def start(
        transport: str, change: Callable[[Tree, list[Edge]], None] = as_it_is, count: int = 1, **settings: object
    ) -> Scene:
        authority = Authority(tmp_path / "authority")
        edges: list[Edge] = []

        def configure(tree: Tree, site: Site) -> None:
            for number, domain in enumerate(DOMAINS[:count]):
                place = site.twilio if number == 0 else own_place()
                of_all = {"allowed": site.gateway.host, "domain": domain, "place": place} | settings
                edges.append(Edge(tmp_path / f"edge{number}", authority, **of_all))  # type: ignore[arg-type]
            (tmp_path / "hosts").write_text("".join(f"{edge.place.host} {edge.domain}\n" for edge in edges))
            tree["sip"]["listen"].append(f"tls://{site.gateway.host}:{secure_port(site)}")
            tree["sip"]["tls"] = authority.certify(site.gateway.host).settings(authority.file)
            trunk = tree["trunks"]["twilio"]
            trunk["uris"] = [edge.uri(transport) for edge in edges]
            trunk["allow"] = [edge.place.host for edge in edges]
            trunk["auth"] = {"username": USERNAME, "password": PASSWORD}
            tree["context"]["fields"]["sid"] = {
                "twilio": "header:X-Twilio-CallSid",
                "pbx": "var:SID",
                "direction": "to_pbx",
            }
            change(tree, edges)
            for edge in edges:
                stack.enter_context(edge.running())

        names = {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(tmp_path / "hosts")}
        gateway = start_gateway(configure, names)
        return Scene(edges, [stack.enter_context(TwilioAgent(edge)) for edge in edges], gateway)

    with ExitStack() as stack:
        yield start
