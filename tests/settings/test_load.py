"""A file becomes settings and a plan, or every problem it has at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.core.contract import MissingPolicy, Overflow
from gateway.core.fields import Duplicates, Field, FieldType, Sensitivity
from gateway.core.locators import parse_locator
from gateway.core.networks import PUBLISHED_RANGES
from gateway.core.patterns import parse_pattern, parse_template
from gateway.core.plan import (
    Admin,
    CallerSource,
    Credentials,
    Dialect,
    Hold,
    Identity,
    IdentityHeader,
    Limits,
    Listener,
    Media,
    MediaMode,
    Plan,
    Redirect,
    Registration,
    Srtp,
    TlsFiles,
    Transport,
    Trunk,
)
from gateway.core.profiles import PROFILES
from gateway.core.routing import Route
from gateway.core.terms import Direction, On, Side
from gateway.core.transforms import Lookup, Replace, Word
from gateway.core.uui import DiscriminatorPlace, UuiEncoding, UuiFormat, UuiSetup
from gateway.settings import load
from gateway.settings.model import Configuration, Section
from tests.settings.samples import FULL, SOUND, TLS, Loader

ROOT = Path(__file__).parents[2]


def test_a_file_becomes_a_plan(load_text: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", "hunter2")
    plan = load_text(FULL).plan()
    assert plan.listeners == (Listener(Transport.UDP, "127.0.0.1", 5060), Listener(Transport.TLS, "127.0.0.1", 5061))
    assert plan.public_address == "203.0.113.7"
    assert plan.sip_dscp == 24
    assert plan.tls == TlsFiles(f"{TLS}/certificate.pem", f"{TLS}/key.pem", f"{TLS}/certificate.pem")
    assert plan.media == Media(MediaMode.RELAY, 30000, 30399, ("PCMA",), 60)
    assert plan.admin == Admin("127.0.0.1", 9000, "hunter2")
    assert plan.limits == Limits(100, 10, 20.5, 3600, 2, 0, 7)
    assert plan.trunks == (
        Trunk(
            name="pbx",
            side=Side.PBX,
            profile=PROFILES["pbx"],
            uris=("sip:10.0.0.5:5060", "sip:pbx.example.com"),
            allow=(IPv4Network("10.0.0.5/32"), IPv4Network("10.1.0.0/16")),
            dialect=Dialect.FREESWITCH,
            auth=Credentials("gw", "hunter2"),
            register=Registration("sip:pbx.example.com", 900),
            hold=Hold.RELAY,
            redirect=Redirect.FOLLOW,
            session_expires_seconds=600,
            identity=Identity(trusted=False),
            symmetric_rtp=True,
            rtp_dscp=46,
        ),
        Trunk(
            name="twilio",
            side=Side.TWILIO,
            profile=PROFILES["elastic-trunk"],
            uris=("sip:acme.pstn.twilio.com;transport=tls",),
            allow=PUBLISHED_RANGES["twilio"],
            srtp=Srtp.REQUIRED,
            auth=Credentials("gw", "hunter2"),
            options_interval_seconds=30,
            account_sids=("AC00000000000000000000000000000000",),
            identity=Identity(
                believed=False,
                trusted=True,
                send=(IdentityHeader.REMOTE_PARTY, IdentityHeader.ASSERTED),
                caller=CallerSource.ASSERTED,
            ),
            calls_per_second=9,
            source_calls_per_second=8,
        ),
    )
    assert plan.routes == (Route("pbx", parse_pattern("^9(.*)$"), "twilio", "\\1"), Route("twilio", None, "pbx"))


def test_a_file_becomes_a_contract(load_text: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", "hunter2")
    contract = load_text(FULL).plan().contract
    assert contract.missing is MissingPolicy.REJECT
    assert contract.uui == {
        Side.PBX: UuiSetup(UuiFormat.TEXT, UuiEncoding.ASCII, 4, "isdn-uui", "isdn-uui", DiscriminatorPlace.PD),
        Side.TWILIO: UuiSetup(),
    }
    customer, count, sid = contract.fields
    assert customer == Field(
        name="customer",
        pbx=parse_locator("var:CUSTOMER"),
        twilio=parse_locator("header:X-Customer"),
        required=True,
        max_bytes=64,
        sensitivity=Sensitivity.PII,
    )
    assert (count.type, count.default) == (FieldType.INTEGER, "7")
    assert (count.direction, count.on) == (frozenset({Direction.TO_TWILIO}), frozenset({On.INVITE}))
    assert (sid.pbx, sid.direction) == (None, frozenset({Direction.TO_PBX}))


def test_what_is_left_out_has_the_defaults_of_the_plan(load_text: Loader) -> None:
    plan = load_text(SOUND).plan()
    defaults = Plan(plan.listeners, plan.trunks, (), plan.contract)
    assert (plan.media, plan.admin, plan.limits) == (defaults.media, defaults.admin, defaults.limits)
    assert plan.trunks[0].dialect is Dialect.HEADERS
    assert [trunk.identity for trunk in plan.trunks] == [Identity(trusted=True), Identity(trusted=False)]
    assert plan.trunks[1].profile is PROFILES["sip-domain"]


@pytest.mark.parametrize("name", ["gateway.yaml", "minimal.yaml"])
def test_the_samples_load(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_SIP_PASSWORD", "hunter2")
    plan = load(str(ROOT / "config" / name)).plan()
    assert {trunk.side for trunk in plan.trunks} == set(Side)


def keys_of(section: type[Section]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        yield field.alias or name
        for inner in sections_in(field.annotation):
            yield from keys_of(inner)


def sections_in(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from sections_in(inner)


@pytest.mark.parametrize("key", sorted(set(keys_of(Configuration))))
def test_the_full_sample_speaks_of_every_setting(key: str) -> None:
    text = (ROOT / "config/gateway.yaml").read_text(encoding="utf-8")
    assert re.search(rf"\b{key}:|^  #   {key} ", text, re.MULTILINE)


def test_the_full_sample_is_at_its_defaults_where_it_says_so(
    load_text: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands beside `Default:` as the value in use is the default indeed."""
    monkeypatch.setenv("TWILIO_SIP_PASSWORD", "hunter2")
    sample, bare = load(str(ROOT / "config/gateway.yaml")).plan(), load_text(SOUND).plan()
    assert (sample.media, sample.admin, sample.limits) == (bare.media, bare.admin, bare.limits)


def test_all_problems_at_once_in_the_order_of_the_file(complaints: Callable[[str], list[str]]) -> None:
    text = """\
limits: {calls: "10", calls: 20}
context:
  fields:
    queue: {pbx: "header:X-Queue", twilio: "header:Subject", priority: 101, required: yes}
routes:
  - {from: pbx, to: carrier, user: "\\\\1"}
trunks:
  twilio: {side: twilio, uris: ["sip:acme.sip.twilio.com;transport=tcp"], allow: ["twilio"], profile:}
  pbx: {side: pbx, uris: ["sip:127.0.0.2"], allow: ["10.0.0.1/8"], profile: sip-domain}
sip: {listen: ["udp://127.0.0.1:5060", "udp://127.0.0.1:5060"], publc_address: 10.0.0.1}
"""
    assert [line.partition(":")[0] for line in complaints(text)] == [
        "limits.calls",
        "limits.calls",
        "context.fields.queue.twilio",
        "context.fields.queue.priority",
        "context.fields.queue.required",
        "routes[0].to",
        "routes[0].user",
        "trunks.twilio.uris[0]",
        "trunks.twilio.profile",
        "trunks.pbx.allow[0]",
        "trunks.pbx.profile",
        "sip.listen[1]",
        "sip.publc_address",
    ]


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("trunks: [pbx]", "trunks"),
        ("trunks: {pbx: pbx, twilio: {side: twilio, uris: ['sip:a'], allow: [twilio]}}", "trunks.pbx"),
        ("trunks: {pbx: {side: x, uris: ['sip:a']}, twilio: {side: twilio, uris: ['sip:a']}}", "trunks.pbx.side"),
    ],
    ids=["no trunks to speak of", "a trunk that is none", "a trunk of no side"],
)
def test_a_bad_part_does_not_set_off_others(text: str, only: str, complaints: Callable[[str], list[str]]) -> None:
    lines = complaints(f'sip: {{listen: ["udp://127.0.0.1:5060"]}}\n{text}\n')
    assert [line.partition(":")[0] for line in lines] == [only]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("media.rtp_ports", "media: {rtp_ports: many}\nlimits: {calls: 1000}"),
        ("limits.calls", "limits: {calls: 9999}\nmedia: {rtp_ports: 20000-20003}"),
        ("admin.listen", "admin: {listen: 9464}"),
        ("routes[0].match", "routes: [{from: pbx, match: '(', to: twilio, user: '\\1'}, {from: pbx, to: twilio}]"),
        ("context.fields.a.direction", "context: {fields: {a: {pbx: 'call:id', twilio: 'header:X-A', direction: x}}}"),
        ("context.fields.a.pbx", "context: {fields: {a: {pbx: nowhere, twilio: 'header:X-A'}}}"),
        ("context.uui.pbx", "context: {uui: {pbx: x}, fields: {a: {pbx: uui, twilio: 'header:X-A'}}}"),
        ("context.fields", "context: {fields: [a]}"),
        ("context", "context: fields"),
        ("routes", "routes: pbx"),
    ],
)
def test_nothing_is_checked_against_what_is_bad(place: str, text: str, complaints: Callable[[str], list[str]]) -> None:
    assert [line.partition(":")[0] for line in complaints(SOUND + text + "\n")] == [place]


def test_the_hash_names_what_is_set_and_not_how(load_text: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", "one")
    first = load_text(FULL).plan().hash
    assert re.fullmatch("[0-9a-f]{12}", first)
    monkeypatch.setenv("GATEWAY_TEST_SECRET", "another")
    same = FULL.replace("srtp: required", "srtp: 'required' # quoted").replace("7\n", "7\n\n")
    assert load_text(same).plan().hash == first
    assert load_text(FULL.replace("calls: 100", "calls: 99")).plan().hash != first
    assert load_text(FULL + "    last: {pbx: 'header:X-Last'}\n").plan().hash != first


def test_public_values_are_by_the_names_of_the_file(load_text: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", "hunter2")
    public: Any = load_text(FULL).public()
    assert public["sip"]["listen"] == ["udp://127.0.0.1:5060", "tls://127.0.0.1:5061"]
    assert public["media"]["rtp_ports"] == "30000-30399"
    assert public["admin"] == {"listen": "127.0.0.1:9000", "token": "**********"}
    assert public["trunks"]["pbx"]["allow"] == ["10.0.0.5", "10.1.0.0/16"]
    assert public["routes"][0] == {"from": "pbx", "match": "^9(.*)$", "to": "twilio", "user": "\\1"}
    assert public["context"]["uui"]["pbx"]["discriminator"] == "04"
    assert public["context"]["fields"]["customer"]["class"] == "pii"


def test_a_field_has_everything_a_field_can_have(load_text: Loader) -> None:
    text = (
        SOUND
        + """
context:
  fields:
    queue:
      pbx: "var:QUEUE"
      twilio: "header:X-Queue"
      duplicates: last
      transform:
        - trim
        - {replace: ["^q-", ""]}
        - {replace: ["(a)", "\\\\1 "]}
        - {lookup: {"1": sales, "2": ""}, else: "-"}
        - upper
      type: enum
      values: [SALES, "-"]
      default: "-"
      priority: 7
"""
    )
    settings = load_text(text)
    one = settings.plan().contract.fields[0]
    taken_out, put_in = parse_pattern("^q-"), parse_pattern("(a)")
    assert one.transform == (
        Word.TRIM,
        Replace(taken_out, parse_template("", taken_out)),
        Replace(put_in, parse_template(r"\1 ", put_in)),
        Lookup((("1", "sales"), ("2", "")), "-"),
        Word.UPPER,
    )
    assert (one.duplicates, one.type, one.values) == (Duplicates.LAST, FieldType.ENUM, ("SALES", "-"))
    assert (one.default, one.priority) == ("-", 7)
    public = settings.public()["context"]["fields"]["queue"]["transform"]  # type: ignore[index]
    assert public == [
        "trim",
        {"replace": ["^q-", ""]},
        {"replace": ["(a)", r"\1 "]},
        {"lookup": {"1": "sales", "2": ""}, "else": "-"},
        "upper",
    ]


@pytest.mark.parametrize("step", ["{replace: [a, ]}", "{lookup: {a: }}", "{lookup: {a: b}, else: }"])
def test_nothing_is_meant_by_quotes_only(complaints: Callable[[str], list[str]], step: str) -> None:
    text = SOUND + f'context: {{fields: {{queue: {{pbx: "var:QUEUE", transform: [{step}]}}}}}}\n'
    assert complaints(text)


def test_a_lookup_has_a_bounded_table(complaints: Callable[[str], list[str]]) -> None:
    rows = ", ".join(f"v{number}: a" for number in range(1001))
    text = SOUND + f'context: {{fields: {{queue: {{pbx: "var:QUEUE", transform: [{{lookup: {{{rows}}}}}]}}}}}}\n'
    assert complaints(text) == ["context.fields.queue.transform[0]: has 1001 rows; a lookup can have 1000 at most"]


def test_a_profile_of_the_file_changes_a_built_in_one(load_text: Loader) -> None:
    text = SOUND.replace("side: twilio", "side: twilio, profile: mine").replace(
        "side: pbx", "side: pbx, profile: genesys"
    )
    more = (
        "profiles: {mine: {base: sip-domain, bytes_total: 600, characters: ascii}, pbx: {base: pbx, value_bytes: 9}}\n"
    )
    pbx, twilio = load_text(text + more).plan().trunks
    assert pbx.profile is PROFILES["genesys"]
    base = PROFILES["sip-domain"]
    assert (twilio.profile.name, twilio.profile.bytes_total, twilio.profile.characters) == ("mine", 600, "ascii")
    assert (twilio.profile.allowed, twilio.profile.scopes) == (base.allowed, base.scopes)
    assert dict(twilio.profile.sources) == {
        **dict(base.sources),
        "bytes_total": "the configuration",
        "characters": "the configuration",
    }
    assert load_text(SOUND + more).plan().trunks[0].profile.value_bytes == 9


def test_a_profile_of_the_file_lifts_a_limit_and_says_who_says_so(load_text: Loader) -> None:
    profile = '{base: sip-domain, bytes_total: none, value_bytes: 99, sources: {bytes_total: "Twilio, in a letter"}}'
    lifted = load_text(SOUND + f"profiles: {{sip-domain: {profile}}}\n")
    found = lifted.plan().trunks[1].profile
    assert (found.bytes_total, found.value_bytes) == (None, 99)
    sources = dict(found.sources)
    assert sources["bytes_total"] == "the configuration: Twilio, in a letter"
    assert sources["value_bytes"] == "the configuration"
    public: Any = lifted.public()
    assert public["profiles"]["sip-domain"]["bytes_total"] == "none"
    assert public["profiles"]["sip-domain"]["header_bytes"] is None
    unlifted = load_text(SOUND + "profiles: {sip-domain: {base: sip-domain, value_bytes: 99}}\n")
    assert unlifted.plan().hash != lifted.plan().hash


def test_a_profile_of_the_file_says_what_twilio_can_send(load_text: Loader) -> None:
    profile = '{base: sip-domain, sends: [Subject], sources: {sends: "change log of 2027"}}'
    context = "context: {fields: {it: {pbx: 'var:A', twilio: 'header:Subject', direction: to_pbx}}}"
    found = load_text(f"{SOUND}profiles: {{sip-domain: {profile}}}\n{context}\n").plan().trunks[1].profile
    assert found.sends is not None
    assert found.sends.names == ("Subject",)
    assert dict(found.sources)["sends.names"] == "the configuration: change log of 2027"


def test_what_is_too_long_does_what_it_says(load_text: Loader) -> None:
    assert load_text(SOUND + "context: {overflow: truncate}\n").plan().contract.overflow is Overflow.TRUNCATE
