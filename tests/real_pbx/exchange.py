"""A real Asterisk with our samples as they are shipped, the gateway beside it, and phones of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import httpx
import yaml

from tests.asterisk import Asterisk, Tree
from tests.gateway_yaml import GatewayYaml
from tests.process.daemon import Gateway, Site
from tests.process.daemon import Tree as Configuration
from tests.process.places import Place, free_port, own_place
from tests.process.sipp import Peer, Sipp
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer

SAMPLES = Path(__file__).parents[2] / "config/asterisk"
USER, GATEWAY_USER, PASSWORD = "tester", "gateway", "s3cret"
ANSWER_SECONDS = 10

MODULES = (
    "res_timing_timerfd",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_pubsub",
    "res_pjsip_session",
    "res_pjsip_sdp_rtp",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_header_funcs",
    "res_pjsip_authenticator_digest",
    "res_pjsip_caller_id",
    "res_pjsip_diversion",
    "res_pjsip_refer",
    "res_pjsip_rfc3326",
    "res_musiconhold",
    "res_rtp_asterisk",
    "res_http_websocket",
    "res_websocket_client",
    "res_stasis",
    "res_stasis_answer",
    "res_stasis_playback",
    "res_stasis_recording",
    "res_stasis_snoop",
    "res_stasis_device_state",
    "res_ari",
    "res_ari_model",
    "res_ari_channels",
    "res_ari_asterisk",
    "res_ari_endpoints",
    "res_ari_events",
    "chan_pjsip",
    "app_dial",
    "app_stack",
    "app_stasis",
    "app_system",
    "app_transfer",
    "app_while",
    "func_channel",
    "func_strings",
    "func_global",
    "pbx_config",
    "codec_ulaw",
    "bridge_simple",
    "bridge_native_rtp",
    "bridge_holding",
    "bridge_softmix",
    "bridge_builtin_features",
)
"""What the samples and the tests use: all that Debian has would take three times as long to load."""

PHONE = """
[{name}]
type=endpoint
transport=transport-udp
context=phones
aors={name}
identify_by=ip
disallow=all
allow=ulaw
direct_media=no

[{name}]
type=aor
contact=sip:{place}

[{name}]
type=identify
endpoint={name}
match={place.host}
"""

DIALPLAN = """
; What stands for an office: phones that say in a header what the dialplan is to know, and extensions.
[phones]
exten => _8[+0-9].,1,Set(_CUSTOMER_ID=${PJSIP_HEADER(read,X-Know-Customer)})
 same => n,Set(_PRODUCT_ID=${PJSIP_HEADER(read,X-Know-Product)})
 same => n,Goto(to-twilio,9${EXTEN:1},1)
include => internal

; What is set on the channel of a call from Twilio is still wanted when the caller has gone.
[survey]
exten => _X.,1,Answer()
 same => n,Wait(30)
exten => h,1,Set(TRIES=100)
 same => n,While($[${LEN(${SURVEY})} = 0 & ${TRIES} > 0])
 same => n,Set(TRIES=$[${TRIES} - 1])
 same => n,System(sleep 0.1)
 same => n,EndWhile()
 same => n,Set(GLOBAL(SURVEYED)=${SURVEY})

[internal]
exten => alice,1,Dial(PJSIP/alice,30)
exten => desk,1,Dial(PJSIP/desk,30)
exten => bob,1,Dial(PJSIP/bob,30)

; What transfers its caller to Twilio, by REFER.
exten => away,1,Answer()
 same => n,Transfer(PJSIP/sip:9+15550177@${CHANNEL(pjsip,remote_addr)}?X-Why=moved)
 same => n,Hangup()
exten => survey,1,Goto(survey,100,1)
"""


@dataclass
class Office(Site):
    """A gateway's site whose PBX is an Asterisk with phones; `pbx` is where it takes SIP."""

    alice: Place = field(default_factory=own_place)
    bob: Place = field(default_factory=own_place)
    desk: Place = field(default_factory=own_place)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ari = Place(self.pbx.host, free_port(self.pbx.host))
        self.ami = Place(self.pbx.host, free_port(self.pbx.host))

    @property
    def phones(self) -> dict[str, Place]:
        return {"alice": self.alice, "bob": self.bob, "desk": self.desk}

    def asterisk_files(self) -> dict[str, str]:
        """Our samples with these addresses in place of theirs, and the office around them."""
        own = {"10.0.0.20:5060": str(self.gateway), "10.0.0.20": self.gateway.host, "0.0.0.0:5060": str(self.pbx)}
        pjsip = replaced((SAMPLES / "pjsip.conf").read_text(), own)
        phones = [PHONE.format(name=name, place=place) for name, place in self.phones.items()]
        account = f"[{{}}]\ntype=user\nread_only=no\npassword={PASSWORD}\n"
        words = {"bindaddr=10.0.0.5": f"bindaddr={self.ami.host}", "port=5038": f"port={self.ami.port}"}
        words |= {"change this": PASSWORD, "10.0.0.20/": "127.0.0.1/"}  # all of loopback comes from there
        manager = replaced((SAMPLES / "manager.conf").read_text(), words)
        return {
            "modules.conf": "\n".join(["[modules]", "autoload=no", *(f"load={name}.so" for name in MODULES), ""]),
            "pjsip.conf": "\n".join([pjsip, *phones]),
            "extensions.conf": (SAMPLES / "extensions.conf").read_text() + DIALPLAN,
            "http.conf": f"[general]\nenabled=yes\nbindaddr={self.ari.host}\nbindport={self.ari.port}\n",
            "ari.conf": f"[general]\nenabled=yes\n\n{account.format(USER)}\n{account.format(GATEWAY_USER)}",
            "manager.conf": f"{manager}\n[{USER}]\nsecret={PASSWORD}\nread=all\nwrite=all\n",
            "cdr.conf": "[general]\nenable=no\n",
            "rtp.conf": "[general]\nrtpstart=21000\nrtpend=21999\n",
        }

    def configuration(self) -> Configuration:
        """The gateway's sample with these addresses, and with room for values that only tests send."""
        tree: Configuration = yaml.load((SAMPLES / "gateway.yaml").read_text(), GatewayYaml)
        tree["sip"]["listen"] = [f"udp://{self.gateway}"]
        tree["admin"] = {"listen": str(self.admin)}
        tree["limits"] = {"calls": 20, "calls_per_second": 1000, "drain_seconds": 5}
        tree["trunks"]["pbx"] |= {"uris": [f"sip:{self.pbx}"], "allow": [self.pbx.host]}
        tree["trunks"]["twilio"] |= {"uris": [f"sip:{self.twilio}"], "allow": [self.twilio.host]}
        del tree["trunks"]["twilio"]["auth"]
        tree["profiles"] = {"sip-domain": {"base": "sip-domain", "bytes_total": 10000}}
        del tree["context"]["fields"]["selected_product_id"]["max_bytes"]
        return tree

    def write_back(self, url: str) -> Configuration:
        """The setting with which variables are set over the interface of this URL."""
        return {"url": url, "username": GATEWAY_USER, "password": PASSWORD, "timeout_seconds": 10}


def replaced(text: str, words: dict[str, str]) -> str:
    """Each word, which must be there, in another's place."""
    for word, other in words.items():
        assert word in text
        text = text.replace(word, other)
    return text


class Ari:
    """What Asterisk says of its channels; the tests' own way in."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def channels(self, endpoint: str = "") -> list[Configuration]:
        """The channels that are up, or those of one endpoint."""
        found: list[Configuration] = self._client.get("/channels").raise_for_status().json()
        return [channel for channel in found if channel["name"].startswith(f"PJSIP/{endpoint}")]

    def channel(self, endpoint: str) -> Configuration:
        """The only channel of an endpoint."""
        [channel] = wait_until(lambda: self.channels(endpoint), f"a channel of {endpoint}")
        return channel

    def variable(self, channel: Configuration, name: str) -> str | None:
        """A channel variable; None when it is not set."""
        answer = self._client.get(f"/channels/{channel['id']}/variable", params={"variable": name})
        return str(answer.raise_for_status().json()["value"]) if answer.status_code != 404 else None

    def global_variable(self, name: str) -> str:
        """A variable of no channel; empty when it is not set."""
        answer = self._client.get("/asterisk/variable", params={"variable": name})
        return str(answer.raise_for_status().json()["value"])

    def call_in_application(self, endpoint: str, application: str) -> Configuration:
        """A call that an ARI application places and holds from the beginning."""
        made = self._client.post("/channels/create", params={"endpoint": endpoint, "app": application})
        channel: Configuration = made.raise_for_status().json()
        path = f"/channels/{channel['id']}/dial"
        wait_until(lambda: self._client.post(path).is_success, "the application has it")
        return channel

    def hang_up(self, channel: Configuration) -> None:
        self._client.delete(f"/channels/{channel['id']}").raise_for_status()

    def is_reachable(self) -> bool:
        """Whether Asterisk would send calls to the gateway."""
        state = self._client.get("/endpoints/PJSIP/gateway").raise_for_status().json()["state"]
        return bool(state == "online")


class Ami:
    """Asterisk's manager interface, for what the tests want done."""

    def __init__(self, connection: BinaryIO) -> None:
        self._connection = connection
        self.ask("Login", Username=USER, Secret=PASSWORD, Events="off")

    def ask(self, action: str, **keys: str) -> None:
        """Have something done; a test fails when Asterisk does not want to."""
        lines = [f"Action: {action}", "ActionID: asked", *(f"{name}: {value}" for name, value in keys.items())]
        self._connection.write("\r\n".join((*lines, "", "")).encode())
        self._connection.flush()
        answer = b""
        while b"ActionID: asked" not in answer:
            answer = b"".join(iter(self._connection.readline, b"\r\n"))
        assert b"Response: Success" in answer, answer


@dataclass
class Exchange:
    """All of it, up and running."""

    office: Office
    asterisk: Asterisk
    gateway: Gateway
    ari: Ari
    ami: Ami
    _peers: list[Sipp] = field(default_factory=list)

    def qualify(self) -> None:
        """Have Asterisk ask now, and not at a time of its own, whether the gateway is there."""
        self.ami.ask("PJSIPQualify", Endpoint="gateway")
        wait_until(self.ari.is_reachable, "Asterisk has qualified the gateway")

    @property
    def desk(self) -> Peer:
        """The phone that most SIPps are."""
        return self.peer("desk")

    def peer(self, name: str) -> Peer:
        """A phone of the office that is a SIPp."""
        return Peer(name, self.office.phones[name], self.office.pbx, self.gateway.folder, self._peers)

    def wire_phone(self, name: str) -> WirePeer:
        """A phone of the office for SIP by hand."""
        return WirePeer(self.office.pbx, self.office.phones[name])

    @contextmanager
    def watched(self, folder: Path) -> Iterator[Exchange]:
        """Let one test use it, and fail the test for what it leaves: calls, channels, complaints."""
        seen = len(self.asterisk.console.read_bytes())
        with self.gateway.watched(folder):
            try:
                yield self
                wait_until(lambda: not self.ari.channels(), "Asterisk has hung up everything")
                complaints = self.asterisk.console.read_bytes()[seen:].decode(errors="replace")
                assert "ERROR" not in complaints, complaints
            finally:
                while self._peers:
                    self._peers.pop().stop()


@contextmanager
def running(tree: Tree, folder: Path, change: Callable[[Configuration, Office], None]) -> Iterator[Exchange]:
    """An office for as long as the block lasts; `change` may add to the gateway's configuration."""
    office = Office(folder)
    configuration = office.configuration()
    change(configuration, office)
    (folder / "asterisk").mkdir()
    gateway = Gateway(office, configuration)
    gateway.start()
    try:
        with (
            Asterisk(tree, office.asterisk_files(), folder / "asterisk") as asterisk,
            httpx.Client(base_url=f"http://{office.ari}/ari", auth=(USER, PASSWORD), trust_env=False) as client,
            socket.create_connection((office.ami.host, office.ami.port), timeout=ANSWER_SECONDS) as connection,
            connection.makefile("rwb") as lines,
        ):
            exchange = Exchange(office, asterisk, gateway, Ari(client), Ami(lines))
            exchange.qualify()
            yield exchange
    finally:
        gateway.stop()
