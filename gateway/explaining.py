"""What `gateway explain` says of a message in a file: the object for programs, or text for people."""

from __future__ import annotations

from typing import Final

from gateway.capture import misfit, read_message
from gateway.core.explanation import Explanation, explain, likely_sender
from gateway.core.plan import Plan, TransferMode
from gateway.core.scopes import Message
from gateway.core.terms import Direction, On, Side
from gateway.settings.table import build_table


def explain_file(
    plan: Plan, file: str, direction: Direction, on: On, sender: Side | None
) -> tuple[Explanation, str | None]:
    """Map the message of a file as a call would; with it, what speaks against it being that message at all.

    Raises:
        OSError: the file cannot be read.
        MessageError: it holds no such message.
    """
    message = read_message(file, on)
    kind = Message(direction, on, sender or likely_sender(direction, on))
    return explain(plan, message, kind), misfit(message, on)


def build_explanation(explanation: Explanation) -> str:
    """The account of every field, what leaves, and what a webhook of Twilio is given."""
    found = explanation.as_dict()
    rules, mapped = explanation.rules, explanation.mapped
    budget = f" of {found['budget']}" if found["budget"] else ""
    parts = [
        f"{rules.on} of a call {rules.direction}, from {rules.sender} to {rules.sender.other} "
        f"(profile {rules.profile.name}): {mapped.bytes}{budget} bytes of context",
    ]
    if rules.on is On.REFER:
        parts.append(_TRANSFERS[explanation.transfer])
    if mapped.refused is not None:
        parts.append(f"the call is refused: {mapped.refused}")
    if mapped.receipt:
        head = ("FIELD", "READ FROM", "WRITTEN TO", "OUTCOME", "BYTES", "REASON")
        rows = [
            (
                entry.field,
                entry.source or "",
                entry.target or "",
                entry.outcome.value,
                str(entry.bytes),
                entry.reason or "",
            )
            for entry in mapped.receipt
        ]
        parts.append(build_table([head, *rows]))
    parts.append(_list("headers that leave", [f"{name}: {value}" for name, value in mapped.headers]))
    if found["webhook"] is not None:
        pairs = [f"{name} = {value}" for name, value in found["webhook"].items()]
        parts.append(_list("webhook parameters", pairs))
        parts.append(f"as posted: {found['webhook_form']}")
    return "\n\n".join(parts)


_TRANSFERS: Final = {
    TransferMode.LOCAL: "these go into the INVITE to whom the REFER names, over what the call's own INVITE carried",
    TransferMode.RELAY: "these go behind the URI in Refer-To, and to Twilio in 256 characters with it",
    TransferMode.REJECT: "the trunk takes no transfers",
}


def _list(title: str, lines: list[str]) -> str:
    return "\n  ".join([f"{title}:", *(lines or ["none"])])
