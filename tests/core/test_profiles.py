"""Profiles: which header names may be written to whom."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from gateway.core.headers import COMPACT_FORMS
from gateway.core.profile import Sends
from gateway.core.profiles import PROFILES, Profile, is_protected, is_reserved
from gateway.core.terms import Side


@pytest.mark.parametrize(
    ("profile", "name", "problem"),
    [
        ("sip-domain", "X-CustomerID", None),
        ("sip-domain", "x-customerid", None),
        ("sip-domain", "User-to-User", None),
        ("sip-domain", "USER-TO-USER", None),
        (
            "sip-domain",
            "P-Asserted-Identity",
            "P-Asserted-Identity is not passed on by the other side (profile sip-domain): use X-* or User-to-User",
        ),
        ("sip-domain", "X-Twilio-Foo", "X-Twilio-Foo is Twilio's own, X-Twilio-* never leaves the gateway"),
        ("sip-domain", "x-twilioFoo", "x-twilioFoo is reserved by the other side (profile sip-domain)"),
        ("sip-domain", "Via", "Via belongs to the SIP dialog, context cannot be written to it"),
        ("sip-domain", "l", "l belongs to the SIP dialog, context cannot be written to it"),
        ("sip-domain", "X Foo", "'X Foo' is not a header name (letters, digits and -.!%*_+`'~ only)"),
        ("sip-domain", "X-" + "é" * 100, f"'X-{'é' * 38}' is not a header name (letters, digits and -.!%*_+`'~ only)"),
        (
            "elastic-trunk",
            "User-to-User",
            "User-to-User is not passed on by the other side (profile elastic-trunk): use X-*",
        ),
        ("elastic-trunk", "X-Foo", None),
        ("pbx", "X-Foo", None),
        ("pbx", "P-Asserted-Identity", None),
        ("pbx", "X-TwilioSid", None),
        ("pbx", "X-Twilio-CallSid", "X-Twilio-CallSid is Twilio's own, X-Twilio-* never leaves the gateway"),
        ("pbx", "Contact", "Contact belongs to the SIP dialog, context cannot be written to it"),
    ],
)
def test_a_name_is_allowed_or_the_problem_is_said(profile: str, name: str, problem: str | None) -> None:
    assert PROFILES[profile].name_problem(name) == problem


@pytest.mark.parametrize(
    "name",
    [
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Route",
        "Record-Route",
        "Max-Forwards",
        "Authorization",
        "Proxy-Authorization",
        "WWW-Authenticate",
        "Proxy-Authenticate",
        "Authentication-Info",
        "Content-Type",
        "Content-Length",
        "Content-Disposition",
        "Require",
        "Proxy-Require",
        "Supported",
        "Unsupported",
        "Allow",
        "Allow-Events",
        "Session-Expires",
        "Min-SE",
        "Refer-To",
        "Replaces",
        "Warning",
        "Reason",
        "RAck",
        "RSeq",
        "Retry-After",
        "MIME-Version",
        "Expires",
        "Event",
        "Subscription-State",
        "Identity",
    ],
)
def test_headers_of_the_dialog_are_protected_in_any_case(name: str) -> None:
    assert is_protected(name)
    assert is_protected(name.swapcase())


@pytest.mark.parametrize("compact", [key for key in COMPACT_FORMS if key not in "adjns"])
def test_their_compact_forms_are_protected(compact: str) -> None:
    assert is_protected(compact)


@pytest.mark.parametrize("name", ["X-Via", "Viaduct", "User-to-User", "Subject", "P-Asserted-Identity", "Diversion"])
def test_other_headers_are_not(name: str) -> None:
    assert not is_protected(name)


def test_only_headers_of_twilio_are_reserved() -> None:
    assert is_reserved("x-twilio-callsid")
    assert not is_reserved("X-TWILIO_CALL_SID")


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_each_limit_names_its_source(profile: Profile) -> None:
    limits = {"allowed", "characters"}
    limits |= {
        key for key in ("refused", "value_bytes", "header_bytes", "uui_octets", "bytes_total") if getattr(profile, key)
    }
    limits |= {f"sends.{one.name}" for one in fields(Sends) if profile.sends}
    assert {rule for rule, _ in profile.sources} == limits
    assert PROFILES[profile.name] is profile


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_each_rule_can_be_told(profile: Profile) -> None:
    told = list(profile.rules())
    assert len(told) == len(profile.sources) + len(profile.scopes)
    assert all(says and source for _, says, source in told)


def test_there_is_a_profile_for_each_kind_of_far_end() -> None:
    assert {name: profile.side for name, profile in PROFILES.items()} == {
        "sip-domain": Side.TWILIO,
        "elastic-trunk": Side.TWILIO,
        "pbx": Side.PBX,
        "asterisk": Side.PBX,
        "freeswitch": Side.PBX,
        "cisco-cube": Side.PBX,
        "genesys": Side.PBX,
    }


def test_profiles_are_told_apart_by_all_they_say() -> None:
    profile = PROFILES["sip-domain"]
    assert {profile: 1}[replace(profile)] == 1
    assert replace(profile, bytes_total=1) not in {profile: 1}
