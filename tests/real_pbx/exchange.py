"""A real Asterisk with our samples as they are shipped, the gateway beside it, and phones of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml

from gateway.lab.ami import Ami, open_ami
from gateway.lab.ari import Ari, Channel
from gateway.lab.asterisk import MODULES, Asterisk, Tree, build_modules_conf
from gateway.lab.office import build_ari_files, build_pjsip_conf, read_sample, replaced
from gateway.lab.tone import LOUDNESS_DBFS, sine, write_wav
from tests.gateway_yaml import GatewayYaml
from tests.process.daemon import Gateway, Site
from tests.process.daemon import Tree as Configuration
from tests.process.places import Place, free_port, own_place
from tests.process.sipp import Peer, Sipp
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer

MUSIC_HZ, MUSIC_SECONDS = 620, 30
USER, GATEWAY_USER, PASSWORD = "tester", "gateway", "s3cret"

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
    modules: tuple[str, ...] = (*MODULES, "format_wav")
    pjsip_words: dict[str, str] = field(default_factory=dict)
    """What stands in pjsip.conf for what the sample has, once its addresses are the office's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ari = Place(self.pbx.host, free_port(self.pbx.host))
        self.ami = Place(self.pbx.host, free_port(self.pbx.host))

    @property
    def music(self) -> Path:
        """What who is held hears: a tone."""
        folder = self.folder / "music"
        folder.mkdir(exist_ok=True)
        write_wav(folder / "tone.wav", sine(MUSIC_HZ, LOUDNESS_DBFS, MUSIC_SECONDS))
        return folder

    @property
    def phones(self) -> dict[str, Place]:
        return {"alice": self.alice, "bob": self.bob, "desk": self.desk}

    def asterisk_files(self) -> dict[str, str]:
        """Our samples with these addresses in place of theirs, and the office around them."""
        phones = {name: str(place) for name, place in self.phones.items()}
        words = {"bindaddr=10.0.0.5": f"bindaddr={self.ami.host}", "port=5038": f"port={self.ami.port}"}
        words |= {"change this": PASSWORD, "10.0.0.20/": "127.0.0.1/"}  # all of loopback comes from there
        manager = replaced(read_sample("manager.conf"), words)
        return {
            "modules.conf": build_modules_conf(self.modules),
            "musiconhold.conf": f"[default]\nmode=files\ndirectory={self.music}\n",
            "pjsip.conf": replaced(build_pjsip_conf(str(self.pbx), str(self.gateway), phones), self.pjsip_words),
            "extensions.conf": read_sample("extensions.conf") + DIALPLAN,
            **build_ari_files(str(self.ari), {USER: PASSWORD, GATEWAY_USER: PASSWORD}),
            "manager.conf": f"{manager}\n[{USER}]\nsecret={PASSWORD}\nread=all\nwrite=all\n",
            "cdr.conf": "[general]\nenable=no\n",
            "rtp.conf": "[general]\nrtpstart=21000\nrtpend=21999\n",
        }

    def configuration(self) -> Configuration:
        """The gateway's sample with these addresses, and with room for values that only tests send."""
        tree: Configuration = yaml.load(read_sample("gateway.yaml"), GatewayYaml)
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


class OfficeAri(Ari):
    """What Asterisk says of its channels, and what only tests want done."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(client)
        self._asterisk = client

    def global_variable(self, name: str) -> str:
        """A variable of no channel; empty when it is not set."""
        answer = self._asterisk.get("/asterisk/variable", params={"variable": name})
        return str(answer.raise_for_status().json()["value"])

    def call_in_application(self, endpoint: str, application: str) -> Channel:
        """A call that an ARI application places and holds from the beginning."""
        made = self._asterisk.post("/channels/create", params={"endpoint": endpoint, "app": application})
        channel: Channel = made.raise_for_status().json()
        path = f"/channels/{channel['id']}/dial"
        wait_until(lambda: self._asterisk.post(path).is_success, "the application has it")
        return channel

    def hang_up(self, channel: Channel) -> None:
        self._asterisk.delete(f"/channels/{channel['id']}").raise_for_status()


@dataclass
class Exchange:
    """All of it, up and running."""

    office: Office
    asterisk: Asterisk
    gateway: Gateway
    ari: OfficeAri
    ami: Ami
    _peers: list[Sipp] = field(default_factory=list)

    def qualify(self) -> None:
        """Have Asterisk ask now, and not at a time of its own, whether the gateway is there."""
        self.ami.ask("PJSIPQualify", Endpoint="gateway")
        wait_until(lambda: self.ari.is_reachable("gateway"), "Asterisk has qualified the gateway")

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
            open_ami(office.ami.host, office.ami.port, USER, PASSWORD) as ami,
        ):
            exchange = Exchange(office, asterisk, gateway, OfficeAri(client), ami)
            exchange.qualify()
            yield exchange
    finally:
        gateway.stop()
