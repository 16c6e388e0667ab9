"""The stand-in's pages from what the console gives as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.lab.webpage import Cell, Html, badge, build_page, build_rows, code, element

Sheet = Mapping[str, Any]
NAVIGATION = Html('<nav><a href="/">Calls</a><a href="/debugger">Debugger</a></nav>')
ENDS = {"completed": "good", "in-progress": "good", "failed": "bad", "busy": "bad", "no-answer": "bad"}
ADVICE = "advice"


def build_calls_page(calls: Sequence[Sheet], clients: Sequence[str]) -> str:
    """Every call with what it carried."""
    who = ", ".join(clients) or "none"
    head = [
        NAVIGATION,
        element("h1", "Twilio stand-in: calls"),
        element("p", f"Registered Voice SDK clients: {who}."),
    ]
    body = [_call(call) for call in calls] or [element("section", element("p", "No call yet."))]
    return build_page("Calls - Twilio stand-in", [*head, *body])


def build_debugger_page(alerts: Sequence[Sheet]) -> str:
    """Every alert."""
    head = [NAVIGATION, element("h1", "Twilio stand-in: debugger")]
    rows = [
        (
            badge(str(alert["code"] or ADVICE), "bad" if alert["code"] else "held"),
            str(alert["text"]),
            str(alert["detail"]),
            code(str(alert["call"])),
        )
        for alert in alerts
    ]
    table = build_rows(("code", "Twilio calls it", "what was seen", "call"), rows)
    body = table if alerts else element("p", "Nothing to complain about.")
    return build_page("Debugger - Twilio stand-in", [*head, element("section", body)])


def _call(call: Sheet) -> Html:
    status = str(call["status"])
    badges = element("div", badge(status, ENDS.get(status, "")), badge(str(call["direction"])), kind="badges")
    parts: list[Cell] = [element("h2", f"{call['from']} → {call['to']}"), badges, element("p", code(str(call["sid"])))]
    if call["custom"]:
        parts += [element("h3", "Custom parameters"), _pairs(call["custom"].items())]
    extensions = [pair for pair in call["invite"] if _is_context(pair[0])]
    if extensions:
        parts += [element("h3", "Headers of the INVITE"), _pairs(extensions)]
    for hook in call["webhooks"]:
        parts += [
            element("h3", f"Webhook {hook['url']}: {hook['status'] or 'no answer'}"),
            _pairs(hook["params"].items()),
        ]
        if hook["answer"]:
            parts += [element("h3", "TwiML"), element("pre", str(hook["answer"]))]
    return element("section", *parts)


def _pairs(pairs: Iterable[Sequence[str]]) -> Html:
    return build_rows(("name", "value"), [(code(name), code(value)) for name, value in pairs])


def _is_context(name: str) -> bool:
    return name.lower().startswith("x-") or name.lower() == "user-to-user"
