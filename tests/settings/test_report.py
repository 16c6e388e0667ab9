"""What `gateway check` says of a file without problems, to the letter."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from gateway.settings import build_report
from tests.settings.samples import FULL, SOUND, Loader


def report_of(text: str, load_text: Loader) -> str:
    """The report without its first line, which names file and hash, and its last part, the rules of the profiles."""
    return build_report(load_text(text)).partition("\n\n")[2].partition("\n\nrules of profile ")[0]


def test_the_first_line_names_file_and_hash(load_text: Loader) -> None:
    settings = load_text(SOUND)
    first = build_report(settings).partition("\n")[0]
    assert first == f"{settings.file}: no problems; this is what would run (configuration {settings.plan().hash})"


def test_a_file_without_context(load_text: Loader) -> None:
    assert (
        report_of(SOUND, load_text)
        == """\
listen          udp://127.0.0.1:5060
public address  the bound one
media           relay, PCMU, PCMA, RTP ports 20000-29999
admin           http://127.0.0.1:9464, no token
limits          500 calls, 30 new ones a second
times           ring 60 s, call 14400 s, drain 3600 s
failover        next URI after 4 s without a response

TRUNK   SIDE    PROFILE     VARIABLES  SRTP  USER NAME  CALLS GO TO              CALLS COME FROM
pbx     pbx     pbx         headers    off   -          sip:127.0.0.2            127.0.0.2
twilio  twilio  sip-domain  -          off   -          sip:acme.sip.twilio.com  twilio

ROUTE FROM  CALLED USER  TO      NEW USER
pbx         any          twilio  as called
twilio      any          pbx     as called

no context fields: nothing crosses but audio"""
    )


def test_a_file_with_everything(load_text: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SECRET", "hunter2")
    sections = report_of(FULL, load_text).split("\n\n")
    assert sections[0].splitlines()[1:5] == [
        "public address  203.0.113.7",
        "media           relay, PCMA, RTP ports 30000-30399",
        "admin           http://127.0.0.1:9000, token set",
        "limits          100 calls, 10 new ones a second",
    ]
    assert sections[2:] == [
        """\
ROUTE FROM  CALLED USER  TO      NEW USER
pbx         ^9(.*)$      twilio  \\1
twilio      any          pbx     as called""",
        """\
FIELD     PBX           TWILIO                   DIRECTION  ON      TYPE     CLASS   MAX BYTES  WITHOUT A VALUE
customer  var:CUSTOMER  header:X-Customer        both       invite  text     pii     64         missing
count     uui           header:X-Count           to_twilio  invite  integer  public  -          default '7'
sid       -             header:X-Twilio-CallSid  to_pbx     invite  text     public  -          -""",
        """\
GOES TO   to_twilio invite  to_pbx invite
customer  twilio?           pbx
count     twilio?           -
sid       -                 record
? is sent, and nothing is known of what the other side does with it""",
        """\
bytes to_twilio invite, profile elastic-trunk: limit 800; 74 at most for 1 of 2 fields; without max_bytes: count
bytes to_pbx invite, profile pbx: no known limit; 74 at most for 1 of 1 fields""",
    ]


def budget_of(field: str, load_text: Loader) -> list[str]:
    report = report_of(f"{SOUND}context: {{fields: {{it: {field}}}}}\n", load_text)
    return report.rpartition("\n\n")[2].splitlines()


@pytest.mark.parametrize(
    ("field", "bytes_on_the_wire"),
    [
        ("{pbx: 'const:gold', twilio: 'header:X-Tier', direction: to_twilio}", len("X-Tier") + len("gold")),
        ("{pbx: 'var:VIP', twilio: 'header:X-VIP', direction: to_twilio, type: boolean}", len("X-VIP") + 5),
        ("{pbx: 'var:Q', twilio: 'header:X-Q', direction: to_twilio, max_bytes: 2, default: aa}", len("X-Q") + 2),
        ("{pbx: 'var:Q', twilio: uui, direction: to_twilio, max_bytes: 8}", len("User-to-User;encoding=hex") + 16),
        ("{twilio: 'header:X-Q', direction: to_twilio, default: here}", len("X-Q") + 4),
    ],
    ids=["a constant", "a boolean", "text with a limit", "User-to-User in hex", "nothing but a default"],
)
def test_the_bytes_that_a_field_takes_at_most(field: str, bytes_on_the_wire: int, load_text: Loader) -> None:
    expected = f"bytes to_twilio invite, profile sip-domain: limit 800; {bytes_on_the_wire} at most for 1 of 1 fields"
    assert budget_of(field, load_text) == [expected]


UUI = len("User-to-User;encoding=hex")


@pytest.mark.parametrize(
    ("setup", "field", "bytes_on_the_wire"),
    [
        ("format: kv", "twilio: 'uui:q', max_bytes: 4", UUI + 2 * len("q=%25%25%25%25")),
        ("format: json", "twilio: 'uui:q', max_bytes: 1", UUI + 2 * len('{"q":"\\u0001"}')),
        ("format: avaya", "twilio: 'uui:data', max_bytes: 4", UUI + 2 * 6),
        ("format: avaya", "twilio: 'uui:ucid', max_bytes: 20", UUI + 2 * 20),
        ("encoding: ascii", "twilio: uui, max_bytes: 4", len('User-to-User"\\"\\"\\"\\"";encoding=ascii')),
        ("format: kv", "twilio: 'header:X-Q', type: e164", len("X-Q") + 16),
        ("format: kv", "twilio: 'header:X-Q', type: uuid", len("X-Q") + 36),
        ("format: kv", "twilio: 'header:X-Q', type: enum, values: [a, abc]", len("X-Q") + 3),
    ],
)
def test_the_bytes_that_a_part_takes_at_most(setup: str, field: str, bytes_on_the_wire: int, load_text: Loader) -> None:
    context = (
        f"context: {{uui: {{twilio: {{{setup}}}}}, fields: {{it: {{pbx: 'var:Q', direction: to_twilio, {field}}}}}}}\n"
    )
    report = report_of(SOUND + context, load_text)
    assert report.endswith(f"limit 800; {bytes_on_the_wire} at most for 1 of 1 fields")


def test_what_twilio_may_not_be_able_to_send_is_a_warning(load_text: Loader) -> None:
    context = """
context:
  fields:
    note: {pbx: "var:NOTE", twilio: "header:X-Note", direction: to_pbx, max_bytes: 400}
    agent: {pbx: "var:AGENT", twilio: "header:X-Agent", direction: to_twilio, on: [answer, end]}
"""
    assert report_of(SOUND + context, load_text).rpartition("\n\n")[2].splitlines()[-4:] == [
        "characters in the headers of a SIP URI of Twilio's, profile sip-domain: fewer than 1024; "
        "1208 at most for 1 of 1 fields; can be longer than the other side takes: note",
        "warning: the fields can take 1208 characters there, escapes counted, and it sends fewer than 1024",
        "warning: agent on answer: no way is documented to have Twilio put it there",
        "warning: agent on end: no way is documented to have Twilio put it there",
    ]


def test_the_limits_of_the_far_end_bound_the_bytes(load_text: Loader) -> None:
    trunks = SOUND.replace("side: pbx", "side: pbx, profile: genesys")
    context = """
context:
  uui: {pbx: {format: kv}}
  fields:
    note: {pbx: "uui:note", twilio: "header:X-Note", direction: to_pbx, max_bytes: 400}
    more: {pbx: "uui:more", twilio: "header:X-More", direction: to_pbx}
"""
    size = len("User-to-User;encoding=hex") + 2 * 128
    assert (
        f"bytes to_pbx invite, profile genesys: no known limit; {size} at most for 2 of 2 fields; "
        "without max_bytes: more; can be longer than the other side takes: note\n"
    ) in report_of(trunks + context, load_text)


def test_a_constant_that_is_changed_has_no_known_length(load_text: Loader) -> None:
    field = "{pbx: 'const:gold', twilio: 'header:X-Tier', direction: to_twilio, transform: [upper]}"
    assert budget_of(field, load_text) == [
        "bytes to_twilio invite, profile sip-domain: limit 800; without max_bytes: it"
    ]


def test_a_private_default_is_not_shown(load_text: Loader) -> None:
    field = "{pbx: 'var:Q', twilio: 'header:X-Q', class: pii, default: hidden}"
    report = report_of(f"{SOUND}context: {{fields: {{it: {field}}}}}\n", load_text)
    assert "default ***" in report
    assert "hidden" not in report


def test_every_pair_of_trunks_has_its_budget(load_text: Loader) -> None:
    more = '  trunk: {side: twilio, profile: elastic-trunk, uris: ["sip:acme.pstn.twilio.com"]}\n'
    routes = "routes: [{from: pbx, to: trunk}]\n"
    context = "context: {fields: {it: {pbx: 'var:Q', twilio: 'header:X-Q', max_bytes: 10}}}\n"
    assert report_of(SOUND + more + routes + context, load_text).rpartition("\n\n")[2].splitlines() == [
        "bytes to_twilio invite, profile sip-domain: limit 800; 13 at most for 1 of 1 fields",
        "bytes to_twilio invite, profile elastic-trunk: limit 800; 13 at most for 1 of 1 fields",
        "bytes to_pbx invite, profile pbx: no known limit; 17 at most for 1 of 1 fields",
        "characters in the headers of a SIP URI of Twilio's, profile sip-domain: fewer than 1024; "
        "35 at most for 1 of 1 fields",
    ]


def test_a_trunk_that_is_only_called_has_no_route_of_its_own(load_text: Loader) -> None:
    more = '  backup: {side: twilio, uris: ["sip:backup.sip.twilio.com"]}\n'
    routes = "routes: [{from: pbx, to: twilio}]\n"
    report = report_of(SOUND + more + routes, load_text)
    assert "nobody" in report
    assert report.split("\n\n")[2].splitlines() == [
        "ROUTE FROM  CALLED USER  TO      NEW USER",
        "pbx         any          twilio  as called",
        "twilio      any          pbx     as called",
    ]


def test_the_matrix_of_fields_and_messages(load_text: Loader) -> None:
    trunks = SOUND.replace("side: pbx", "side: pbx, profile: asterisk")
    context = """
context:
  fields:
    queue: {pbx: "var:QUEUE", twilio: "header:X-Queue"}
    agent: {pbx: "var:AGENT", twilio: "header:X-Agent", on: [invite, progress, answer, end], direction: to_pbx}
    error: {pbx: "var:ERROR", twilio: "header:X-Twilio-Error", on: [answer, end], direction: to_twilio}
    noted: {twilio: "header:X-Noted", on: [refer]}
"""
    lines = report_of(trunks + context, load_text).split("\n\n")[4].splitlines()
    head, *rows = (re.split("  +", line) for line in lines[:5])
    goes = {
        row[0]: {key: cell for key, cell in zip(head, row, strict=True) if cell not in (row[0], "-")} for row in rows
    }
    assert goes == {
        "queue": {"to_twilio invite": "twilio", "to_pbx invite": "pbx"},
        "agent": {
            "to_pbx invite": "pbx",
            "to_pbx progress": "twilio?",
            "to_pbx answer": "twilio",
            "to_pbx end": "pbx!, twilio",
        },
        "error": {"to_twilio answer": "pbx", "to_twilio end": "pbx!"},
        "noted": {"to_twilio refer": "record", "to_pbx refer": "record"},
    }
    assert lines[5:] == [
        "? is sent, and nothing is known of what the other side does with it",
        "! is sent, and the other side has no way to read it",
        "refer: the fields of a REFER go into the INVITE to whom it names, over those of on: invite",
    ]


REFERRED = """
context:
  fields:
    both: {pbx: "var:A", twilio: "header:X-A", on: [invite, refer]}
    noted: {pbx: "var:B", twilio: "header:X-B", on: [refer], direction: to_pbx}
"""


def test_a_transfer_goes_where_its_invite_does(load_text: Loader) -> None:
    lines = report_of(SOUND + REFERRED, load_text).split("\n\n")[4].splitlines()
    rows = [re.split("  +", line) for line in lines[:3]]
    assert rows == [
        ["GOES TO", "to_twilio invite", "to_twilio refer", "to_pbx invite", "to_pbx refer"],
        ["both", "twilio", "twilio, pbx", "pbx", "pbx, twilio"],
        ["noted", "-", "-", "-", "pbx, twilio"],
    ]
    assert lines[3:] == ["refer: the fields of a REFER go into the INVITE to whom it names, over those of on: invite"]


def test_a_transfer_that_is_passed_on_has_little_room(load_text: Loader) -> None:
    text = SOUND.replace("side: pbx,", "side: pbx, transfer: relay,")
    text += REFERRED.replace("twilio: ", "max_bytes: 80, twilio: ")
    report = report_of(text, load_text)
    assert report.split("\n\n")[4].splitlines()[-2:] == [
        "refer: the fields of a REFER go into the INVITE to whom it names, over those of on: invite",
        "refer, with transfer: relay: they go behind the URI in Refer-To, and nowhere else",
    ]
    assert report.rpartition("\n\n")[2].splitlines()[-2:] == [
        "characters in Refer-To of a REFER to Twilio, profile sip-domain: 256 with its URI; "
        "490 at most for 2 of 2 fields",
        "warning: of a relayed REFER, what does not fit there stays behind, the lowest priority first",
    ]


@pytest.mark.parametrize(("max_bytes", "warned"), [(10, False), (40, True)])
def test_what_may_not_fit_into_a_relayed_refer_is_a_warning(max_bytes: int, warned: bool, load_text: Loader) -> None:
    text = SOUND.replace("side: pbx,", "side: pbx, transfer: relay,")
    text += REFERRED.replace("twilio: ", f"max_bytes: {max_bytes}, twilio: ")
    assert ("warning: of a relayed REFER" in report_of(text, load_text)) is warned
    assert "warning: of a relayed REFER" not in report_of(SOUND + REFERRED, load_text)


def test_a_transfer_to_a_trunk_that_is_passed_on_carries_nothing(complaints: Callable[[str], list[str]]) -> None:
    text = SOUND.replace("side: pbx,", "side: pbx, transfer: relay,")
    text = text.replace("side: twilio,", "side: twilio, profile: elastic-trunk,")
    (first, second) = complaints(text + REFERRED)
    assert first.startswith("context.fields.both.twilio: X-A on refer does not get through to the other side")
    assert second.startswith("context.fields.noted.twilio: X-B on refer does not get through to the other side")


def test_a_transfer_that_a_trunk_rejects_goes_nowhere(load_text: Loader) -> None:
    text = SOUND.replace("side: pbx,", "side: pbx, transfer: reject,")
    assert "\nboth     twilio            pbx              pbx            pbx" in report_of(text + REFERRED, load_text)


def test_the_matrix_shows_the_worst_of_several_trunks(load_text: Loader) -> None:
    more = '  trunk: {side: twilio, profile: elastic-trunk, uris: ["sip:acme.pstn.twilio.com"]}\n'
    more += "routes: [{from: pbx, to: trunk}]\n"
    context = "context: {fields: {it: {pbx: 'var:Q', twilio: 'header:X-Q', direction: to_twilio}}}\n"
    assert "\nit       twilio?\n" in report_of(SOUND + more + context, load_text)


def test_every_rule_of_a_profile_is_told_with_its_source(load_text: Loader) -> None:
    profile = """\
profiles:
  pbx: {base: pbx, value_bytes: none, header_bytes: 300, sources: {header_bytes: "the SBC of 2026"}}
"""
    report = build_report(load_text(SOUND + profile))
    pbx, twilio = report.partition("rules of profile ")[2].split("\n\nrules of profile ")
    assert pbx.splitlines() == [
        "pbx:",
        "  allowed: * (a PBX reads whatever header its dialplan names)",
        "  characters: utf8 (RFC 3261, section 25.1 (TEXT-UTF8))",
        "  value_bytes: none (the configuration)",
        "  header_bytes: 300 (the configuration: the SBC of 2026)",
        "  to_pbx invite: * as its dialplan (every PBX can read headers of an INVITE)",
    ]
    told = dict(re.findall(r"  ([a-z._ ]+): (.+?) \(", twilio))
    assert told["bytes_total"] == "800"
    assert told["sends.headers_characters"] == "1024"
    assert told["to_twilio end"] == "nothing is known"
    assert told["to_pbx progress"] == "User-to-User gets lost"


def test_what_is_written_back_is_read_for_certain(load_text: Loader) -> None:
    """A variable of a later message; the header of it alone is lost."""
    access = 'write_back: {url: "ami://127.0.0.2:5038", username: gw, password: "hunter2"}'
    pbx = f"side: pbx, profile: asterisk, {access},"
    fields = """\
context:
  fields:
    survey: {pbx: "var:SURVEY", twilio: "header:X-Survey", on: [end], direction: to_pbx}
    note: {pbx: "header:X-Note", twilio: "header:X-Note", on: [end], direction: to_pbx}
"""
    told = report_of(SOUND.replace("side: pbx,", pbx) + fields, load_text)
    assert re.search(r"^survey +pbx=, twilio$", told, re.MULTILINE)
    assert re.search(r"^note +pbx!, twilio$", told, re.MULTILINE)
    assert "= is also set as a variable of the channel (write_back)" in told
    other = SOUND.replace("side: pbx,", pbx) + "  other: {side: pbx, profile: asterisk, uris: ['sip:127.0.0.4']}\n"
    routed = other + "routes: [{from: twilio, to: pbx}]\n" + fields
    assert re.search(r"^survey +pbx!, twilio$", report_of(routed, load_text), re.MULTILINE)
