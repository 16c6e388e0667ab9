"""Context mapping alone: what reading an INVITE and applying the rules takes, without SIP stack or process."""

from __future__ import annotations

import timeit
from collections.abc import Callable

import yaml

from gateway.core.locators import CallFacts
from gateway.core.mapping import Rules, apply_rules
from gateway.core.message import parse_message
from gateway.core.terms import Direction, On, Side
from gateway.settings import load
from tests.bench.contenders import FIELDS, Fields, gateway_config
from tests.bench.lab import Lab
from tests.bench.measurements import Figures

MANY = 100
FACTS = CallFacts("bench", "pbx", "127.0.0.2")


def mapping(lab: Lab) -> Figures:
    """Microseconds an INVITE, the best of several rounds: for the fields of the benchmark, and for a hundred.

    A hundred small ones are what the 800 bytes that Twilio takes can hold; a hundred larger ones have to be cut down.
    """
    small = tuple((f"F{number}", f"X-{number:02}") for number in range(MANY))
    large = tuple((f"FIELD_{number}", f"X-Field-{number}") for number in range(MANY))
    timed = _time(lab, FIELDS, octets=20) | _time(lab, small, octets=4)
    timed |= {"map_us_over_budget": _time(lab, large, octets=20)[f"map_us_{MANY}"]}
    return timed | {"invite_us_worked": _worked(lab)}


def _worked(lab: Lab) -> float:
    """Parsing and mapping an INVITE whose values are worked on: two are transformed, one goes into User-to-User."""
    tree = yaml.safe_load(gateway_config(lab, FIELDS))
    context = tree["context"]
    context["uui"] = {"twilio": {"format": "kv"}}
    one, two, three, *_ = context["fields"].values()
    one["transform"] = ["trim", "upper"]
    two["transform"] = [{"replace": ["^0+", ""]}, "lower"]
    three["twilio"] = "uui:third"
    rules = _compiled(lab, yaml.safe_dump(tree, sort_keys=False))
    text = invite(FIELDS, 20)
    assert len(apply_rules(rules, parse_message(text), FACTS).headers) == len(FIELDS)
    return _best(lab, lambda: apply_rules(rules, parse_message(text), FACTS))


def _time(lab: Lab, fields: Fields, octets: int) -> Figures:
    text = invite(fields, octets)
    message = parse_message(text)
    rules = _compiled(lab, gateway_config(lab, fields))
    return {
        f"map_us_{len(fields)}": _best(lab, lambda: apply_rules(rules, message, FACTS)),
        f"parse_us_{len(fields)}": _best(lab, lambda: parse_message(text)),
        f"mapped_of_{len(fields)}": len(apply_rules(rules, message, FACTS).headers),
    }


def _compiled(lab: Lab, config: str) -> Rules:
    file = lab.folder / "mapping.yaml"
    file.write_text(config)
    plan = load(str(file)).plan()
    pbx, twilio = (next(trunk for trunk in plan.trunks if trunk.name == name) for name in ("pbx", "twilio"))
    return plan.contract.rules(Direction.TO_TWILIO, On.INVITE, Side.PBX, pbx.dialect, twilio.profile)


def _best(lab: Lab, work: Callable[[], object]) -> float:
    repeat = lab.count(50, 10)
    return min(timeit.repeat(work, number=100, repeat=repeat)) / 100 * 1e6


def invite(fields: Fields, octets: int) -> str:
    """An INVITE as an Asterisk sends it, with a value of so many octets for every field."""
    lines = [
        "INVITE sip:+15551234567@127.0.0.1:5060 SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.2:5060;rport;branch=z9hG4bKPj2686d2b0-066d-461f-8d90-f5232678ffd2",
        'From: "Alice" <sip:100@127.0.0.2>;tag=3a871618-941f-4735-985e-455076aeb952',
        "To: <sip:+15551234567@127.0.0.1>",
        "Contact: <sip:asterisk@127.0.0.2:5060>",
        "Call-ID: 05568c94-f210-4b01-8fdb-50be504e8fa7",
        "CSeq: 23395 INVITE",
        "Allow: OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, MESSAGE, REFER",
        "Supported: 100rel, timer, replaces, norefersub, histinfo",
        "Session-Expires: 1800",
        "Min-SE: 90",
        'P-Asserted-Identity: "Alice" <sip:100@127.0.0.2>',
        *(f"X-PBX-{variable.replace('_', '-')}: {number:0{octets}}" for number, (variable, _) in enumerate(fields)),
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""])
