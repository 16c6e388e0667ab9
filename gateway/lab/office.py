"""A real Asterisk as the demo's PBX: our samples as shipped, a dialplan that knows what a scene says, a phone.

The samples are in config/asterisk of a checkout; an installed package has none.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from gateway.lab.ami import Ami, open_ami
from gateway.lab.ari import Ari
from gateway.lab.asterisk import MODULES, Asterisk, AsteriskError, Tree, build_modules_conf
from gateway.lab.daemon import free_port
from gateway.lab.driver import Call, Phone
from gateway.lab.pbx import PBX_ADDRESS, Arrival, OpenPbx, Pbx
from gateway.lab.scenes import TO_PBX, TO_TWILIO, VARIABLE_PREFIX, Scene

SAMPLES = Path(__file__).parents[2] / "config/asterisk"
PHONE_ADDRESS = "127.0.0.4"
USER = "demo"
OUTSIDE_LINE = "8"
"""What a phone dials before a number at Twilio."""
VARIABLES = "CUSTOMER_ID,PRODUCT_ID"
"""What the dialplan of the samples hands on, both ways."""
MORE_VARIABLES = f"{VARIABLES},NOTE"

CONTEXT = ("X-", "User-to-User")
"""What the names of headers begin with that carry context."""

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
match={host}
"""

MANAGER = """
[general]
enabled=yes
bindaddr={host}
port={port}

[{name}]
secret={password}
write=system
"""

DIALPLAN = """
[phones]
exten => _{line}[+0-9].,1,NoOp(what this PBX knows of the call)
{known}
 same => n,Dial(PJSIP/${{EXTEN:1}}@gateway,60,b(demo-write^s^1)U(gateway-answered))
 same => n,Hangup(${{HANGUPCAUSE}})

; The sample's handler for variables, then headers that are none.
[demo-write]
exten => s,1,Gosub(gateway-write,s,1)
{headers}
 same => n,Return()

[internal]
exten => {number},1,Dial(PJSIP/phone,60)
"""


@dataclass(frozen=True, slots=True)
class OfficePbx:
    """It, up and running."""

    phone: Phone
    name: str
    place_of_asterisk: str
    asterisk: Asterisk
    ari: Ari
    ami: Ami

    @property
    def uri(self) -> str:
        """Asterisk's."""
        return f"sip:{self.place_of_asterisk}"

    def meet_gateway(self) -> None:
        """Asterisk sends no call to whom it has not qualified; it asks now, and not at a time of its own."""
        self.ami.ask("PJSIPQualify", Endpoint="gateway")
        self.asterisk.wait_until(lambda: self.ari.is_reachable("gateway"), "Asterisk does not find the gateway")

    def place(self, scene: Scene) -> Call:
        """The phone only dials: what else the call carries is the dialplan's."""
        return self.phone.call(f"sip:{OUTSIDE_LINE}{scene.number}@{self.place_of_asterisk}", caller=scene.caller)

    def call_id(self, placed: Call) -> str:
        """Asterisk calls the gateway with a Call-ID of its own."""
        return str(self.ari.channel("gateway")["protocol_id"])

    def look(self, arrived: Call) -> Arrival:
        """What the dialplan can read of the call that came from the gateway, and what it has read."""
        channel = self.ari.channel("gateway")
        lists = [self.ari.variable(channel, f"PJSIP_HEADERS({prefix})") or "" for prefix in CONTEXT]
        names = dict.fromkeys(name for some in lists for name in some.split(",") if name)
        headers = tuple((name, self.ari.variable(channel, f"PJSIP_HEADER(read,{name})") or "") for name in names)
        wanted = [
            name.removeprefix(VARIABLE_PREFIX).replace("-", "_") for name in names if name.startswith(VARIABLE_PREFIX)
        ]
        values = {name: self.ari.variable(channel, name) for name in wanted}
        return Arrival(headers, {name: value for name, value in values.items() if value is not None})


def office_of(tree: Tree) -> OpenPbx:
    """How to open one with this Asterisk."""

    @contextmanager
    def open_office(folder: Path, gateway: str) -> Iterator[Pbx]:
        own = folder / "asterisk"
        own.mkdir()
        pbx = f"{PBX_ADDRESS}:{free_port(PBX_ADDRESS, socket.SOCK_DGRAM)}"
        ari = f"{PBX_ADDRESS}:{free_port(PBX_ADDRESS, socket.SOCK_STREAM)}"
        manager = free_port(PBX_ADDRESS, socket.SOCK_STREAM)
        password = secrets.token_hex()
        more = build_ari_files(ari, {USER: password})
        more["manager.conf"] = MANAGER.format(host=PBX_ADDRESS, port=manager, name=USER, password=password)
        with (
            Phone.start("pbx", PHONE_ADDRESS, folder) as phone,
            Asterisk(tree, _files(pbx, gateway, phone, more), own) as asterisk,
            httpx.Client(base_url=f"http://{ari}/ari", auth=(USER, password), trust_env=False) as client,
            open_ami(PBX_ADDRESS, manager, USER, password) as ami,
        ):
            yield OfficePbx(phone, f"Asterisk {tree.version}", pbx, asterisk, Ari(client), ami)

    return open_office


def _files(pbx: str, gateway: str, phone: Phone, more: Mapping[str, str]) -> dict[str, str]:
    place = f"{phone.address}:{phone.port}"
    dialplan = replaced(read_sample("extensions.conf"), {f"_OUT={VARIABLES}": f"_OUT={MORE_VARIABLES}"})
    dialplan = replaced(dialplan, {f"_IN={VARIABLES}": f"_IN={MORE_VARIABLES}"})
    return {
        "modules.conf": build_modules_conf(MODULES),
        "pjsip.conf": build_pjsip_conf(pbx, gateway, {"phone": place}),
        "extensions.conf": dialplan + build_dialplan(TO_TWILIO, TO_PBX.number),
        "cdr.conf": "[general]\nenable=no\n",
        **more,
    }


def build_pjsip_conf(pbx: str, gateway: str, phones: Mapping[str, str]) -> str:
    """The sample with these places instead of its own, each HOST:PORT, and phones."""
    host = gateway.partition(":")[0]
    trunk = replaced(read_sample("pjsip.conf"), {"10.0.0.20:5060": gateway, "10.0.0.20": host, "0.0.0.0:5060": pbx})
    endpoints = [PHONE.format(name=name, place=place, host=place.partition(":")[0]) for name, place in phones.items()]
    return "\n".join([trunk, *endpoints])


def build_ari_files(place: str, users: Mapping[str, str]) -> dict[str, str]:
    """The REST interface at a HOST:PORT for users with these passwords."""
    host, _, port = place.partition(":")
    accounts = [f"[{name}]\ntype=user\nread_only=no\npassword={word}\n" for name, word in users.items()]
    return {
        "http.conf": f"[general]\nenabled=yes\nbindaddr={host}\nbindport={port}\n",
        "ari.conf": "\n".join(["[general]\nenabled=yes\n", *accounts]),
    }


def build_dialplan(scene: Scene, number: str) -> str:
    """What the PBX knows in a scene, as variables and as headers; `number` rings its phone."""
    known, headers = [], []
    for name, value in scene.headers:
        text = value.replace(";", "\\;")  # which begins a comment in extensions.conf
        if name.startswith(VARIABLE_PREFIX):
            variable = name.removeprefix(VARIABLE_PREFIX).replace("-", "_")
            known.append(f" same => n,Set(_{variable}={text})")
        else:
            headers.append(f" same => n,Set(PJSIP_HEADER(add,{name})={text})")
    return DIALPLAN.format(line=OUTSIDE_LINE, known="\n".join(known), headers="\n".join(headers), number=number)


def read_sample(name: str) -> str:
    """A file of config/asterisk.

    Raises:
        AsteriskError: this is no checkout.
    """
    try:
        return (SAMPLES / name).read_text()
    except OSError as error:
        raise AsteriskError(f"the samples for Asterisk come with a checkout of the repository: {error}") from None


def replaced(text: str, words: Mapping[str, str]) -> str:
    """Each word, which must be there, in another's place."""
    for word, other in words.items():
        if word not in text:
            raise ValueError(f"{word!r} is not in the sample")
        text = text.replace(word, other)
    return text
