"""The demo's web page from its report: both calls, every hop of their context, the receipt, the webhook. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.lab.report import NO_FIELD, CallReport, Entry, Journey, Report, Station
from gateway.lab.scenes import Posted
from gateway.lab.verdict import PARAMETER_PREFIX, Check
from gateway.lab.webpage import Cell, Html, badge, build_page, build_rows, build_table, code, element, mark, pair

GATEWAY = "gateway"
BADGES = {"sent": "good", "defaulted": "good", NO_FIELD: "held", "dropped": "held", "truncated": "held", "absent": ""}
"""Any other outcome is a failure."""
KINDS = ("field", "hop", "hop", "through", "hop", "hop")


def build_report_page(report: Report) -> str:
    """The page, one file."""
    body = [
        element("p", "PBX, gateway and Twilio: demo on one machine", kind="eyebrow"),
        element("h1", "A call each way, and what became of its context"),
        element(
            "p",
            "Both calls went over SIP through a real gateway. Shown is each hop: what the caller sent, headers as they "
            "arrived, the gateway's own receipt, audio as it was heard.",
        ),
        _verdict(report),
        _numbers(report),
        *(_call(call) for call in report.calls),
        _checks(report.checks),
    ]
    return build_page("Demo: context of calls between a PBX and Twilio", body)


def _verdict(report: Report) -> Html:
    failed = report.failed
    if failed:
        items = [element("li", f"{check.expected}: {check.found}") for check in failed]
        title = f"Failed: {len(failed)} of {len(report.checks)} checks did not come true"
        return element("section", element("strong", title), element("ul", *items), kind="verdict bad", role="status")
    words = "What is mapped arrived, nothing else did, both sides heard each other."
    return element("section", element("strong", "Passed"), element("p", words), kind="verdict good", role="status")


def _numbers(report: Report) -> Html:
    journeys = [journey for call in report.calls for journey in call.journeys]
    arrived = sum(journey.hops[2] is not None for journey in journeys)
    setups = [call.setup.removesuffix(" ms") for call in report.calls if call.setup]
    numbers = [
        (f"{len(report.checks) - len(report.failed)} of {len(report.checks)}", "checks came true"),
        (str(arrived), "pieces of context arrived"),
        (str(len(journeys) - arrived), "pieces did not cross"),
        (" / ".join(setups) or "-", "ms from INVITE in to INVITE out, by call"),
        (f"{report.seconds:.1f} s", "from the first process to the last"),
    ]
    pairs = [element("div", element("dt", name), element("dd", value)) for value, name in numbers]
    return element("dl", *pairs, kind="numbers")


def _call(call: CallReport) -> Html:
    parts: list[Cell] = [element("h2", call.title), element("p", call.subtitle), _stations(call.stations)]
    if call.failure:
        return element("section", *parts, badge("no such call", "bad"), element("pre", call.failure))
    parts += [element("h3", "Context, hop by hop"), _journeys(call)]
    if call.posted is not None:
        parts += [element("h3", "The webhook that Twilio posted"), *_webhook(call.posted)]
    parts += [element("h3", "The gateway's receipt"), *_receipt(call), element("h3", "Audio"), _sounds(call)]
    return element("section", *parts)


def _stations(stations: Sequence[Station]) -> Html:
    items = [
        element(
            "li",
            element("span", station.name, element("small", station.place)),
            kind="through" if station.name == GATEWAY else "",
        )
        for station in stations
    ]
    return element("ol", *items, kind="stations")


def _journeys(call: CallReport) -> Html:
    first, second, third, fourth = call.hops
    head = ("field", first, second, GATEWAY, third, fourth)
    return build_table(head, KINDS, (_journey(journey) for journey in call.journeys), "journeys")


def _journey(journey: Journey) -> list[Cell]:
    first, second, third, fourth = (_hop(hop) for hop in journey.hops)
    name = element("span", mark(journey.passed), journey.field or element("span", NO_FIELD, kind="nothing"))
    return [name, first, second, _decision(journey.outcome, journey.reason), third, fourth]


def _hop(hop: str | None) -> Html:
    return element("span", "nothing", kind="nothing") if hop is None else pair(hop)


def _decision(outcome: str, reason: str) -> Html:
    word = "not in the contract" if outcome == NO_FIELD else outcome
    parts: list[Cell] = [badge(word, BADGES.get(outcome, "bad"))]
    if reason:
        parts.append(element("small", reason))
    return element("span", *parts)


def _webhook(posted: Posted) -> list[Html]:
    signature = badge("X-Twilio-Signature valid", "good")
    context = [one for one in posted.parameters if one[0].startswith(PARAMETER_PREFIX)]
    others = [one for one in posted.parameters if one not in context]
    parts = [element("p", code(f"POST {posted.url}"), " ", signature)]
    if context:
        parts.append(_parameters(context))
    title = element("summary", f"{len(others)} parameters that Twilio posts with every call")
    parts.append(element("details", title, _parameters(others)))
    parts += [element("h3", "The TwiML that the application answered"), element("pre", posted.answer)]
    return parts


def _parameters(parameters: Sequence[tuple[str, str]]) -> Html:
    return build_rows(("parameter", "value"), [(code(name), code(value)) for name, value in parameters])


def _receipt(call: CallReport) -> list[Html]:
    where = element(
        "p", code(f"GET /calls/{call.call_id}"), " of the gateway's admin interface, while and after the call."
    )
    head = ("field", "outcome", "bytes", "from", "to", "reason")
    return [where, build_rows(head, [_entry(entry) for entry in call.receipt])]


def _entry(entry: Entry) -> list[Cell]:
    outcome = badge(entry.outcome, BADGES.get(entry.outcome, "bad"))
    return [entry.field, outcome, entry.octets, code(entry.source), code(entry.target), entry.reason]


def _sounds(call: CallReport) -> Html:
    rows = [
        (f"{it.speaker} → {it.listener}", it.played, element("span", mark(it.passed), it.heard)) for it in call.sounds
    ]
    return build_rows(("from whom to whom", "played", "heard, measured on the recording"), rows)


def _checks(checks: Sequence[Check]) -> Html:
    items = [
        element("li", mark(check.passed), check.expected if check.passed else f"{check.expected}: {check.found}")
        for check in checks
    ]
    title = element("summary", f"All {len(checks)} checks")
    return element(
        "section", element("h2", "What was checked"), element("details", title, element("ul", *items, kind="checks"))
    )
