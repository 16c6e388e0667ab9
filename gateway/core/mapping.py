"""The rules of a contract applied to one message: the headers that leave, and the account of every field.

Default deny is the construction: only fields make headers. Nothing here raises, whatever the message holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.contract import Contract as Contract
from gateway.core.contract import MissingPolicy as MissingPolicy
from gateway.core.contract import Rule
from gateway.core.contract import Rules as Rules
from gateway.core.fields import Duplicates
from gateway.core.locators import CallFacts as CallFacts
from gateway.core.locators import Origin
from gateway.core.message import SipMessage
from gateway.core.octets import byte_length
from gateway.core.profiles import Profile
from gateway.core.receipt import Outcome, ReceiptEntry
from gateway.core.refusal import Oversize, Refusal
from gateway.core.sanitise import limit_bytes, sanitise_value
from gateway.core.scopes import REFUSABLE
from gateway.errors import CallRefused

HIDDEN = "***"
"""What stands for a value of class `pii` or `secret`."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What one message gave.

    `headers` go out as they stand. `values` maps a field to the value it carries (for the record and DEBUG only, and
    there by way of `public_values`). `bytes` counts names and values of `headers` in UTF-8 octets, as the far end sees
    them: no colon, no line end. `refused` is the answer the call gets instead; then there are no headers and no values.
    """

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    receipt: tuple[ReceiptEntry, ...]
    values: Mapping[str, str] = field(repr=False)
    redacted: frozenset[str]
    bytes: int
    refused: CallRefused | None = None

    def public_values(self) -> dict[str, str]:
        """`values` with `***` for fields of class `pii` and `secret`."""
        return {name: HIDDEN if name in self.redacted else value for name, value in self.values.items()}


class _Verdict(NamedTuple):
    """What became of one field: the value it carries and, when it travels on the wire, its header."""

    outcome: Outcome
    reason: str | None
    value: str | None = None
    header: tuple[str, str] | None = None


def apply_rules(rules: Rules, message: SipMessage, facts: CallFacts) -> Mapped:
    """Read the fields from `message` and write those that may leave, one receipt entry for each, in their order."""
    origin = Origin(message, facts, rules.direction)
    headers, receipt, values = [], [], {}
    for rule in rules.rules:
        outcome, reason, value, header = _decide(rule, origin, rules.profile)
        size = 0
        if header is not None:
            headers.append(header)
            size = byte_length(header[0]) + byte_length(header[1])
        if value is not None:
            values[rule.field.name] = value
        place = (rule.field.name, rules.direction, rules.on, rule.source, rule.target_text)
        receipt.append(ReceiptEntry(*place, outcome, size, reason))
    refused = _refusal(rules, receipt)
    if refused is not None:
        return Mapped((), _rejected(receipt, refused), {}, rules.redacted, 0, refused)
    return Mapped(tuple(headers), tuple(receipt), values, rules.redacted, sum(entry.bytes for entry in receipt))


def _decide(rule: Rule, origin: Origin, profile: Profile) -> _Verdict:
    values = rule.read(origin)
    if isinstance(values, Refusal):
        return _Verdict(Outcome.INVALID, values.reason)
    value, note = (values[0], None) if len(values) == 1 else _choose(values, rule.field.duplicates)
    if value is None:
        return _Verdict(Outcome.REJECTED, note) if values else _decide_without(rule, "the source is not there", profile)
    if not value:
        return _decide_without(rule, "the source is empty", profile)
    changed = value if rule.transform is None else rule.transform(value)
    if not changed:
        return _decide_without(rule, "nothing is left of the value after its transform", profile)
    checked = changed if isinstance(changed, Refusal) else rule.check(changed)
    if isinstance(checked, Refusal):
        return _forbidden(checked)
    return _place(rule, checked, Outcome.SENT, note, profile)


def _choose(values: Sequence[str], duplicates: Duplicates) -> tuple[str | None, str | None]:
    """The value of none or several, and what to say about it; no value when there is none that counts."""
    if not values:
        return None, None
    if duplicates is Duplicates.REJECT:
        return None, f"{len(values)} values, one is allowed (duplicates: reject)"
    if duplicates is Duplicates.ALL:
        return ", ".join(filter(None, values)), f"all of {len(values)} values"
    return values[-1 if duplicates is Duplicates.LAST else 0], f"{duplicates} of {len(values)} values"


def _decide_without(rule: Rule, why: str, profile: Profile) -> _Verdict:
    if rule.default is not None:
        return _place(rule, rule.default, Outcome.DEFAULTED, why, profile)
    return _Verdict(Outcome.MISSING if rule.field.required else Outcome.ABSENT, why)


def _place(rule: Rule, value: str, outcome: Outcome, note: str | None, profile: Profile) -> _Verdict:
    """The outcome with the value and its header, or that of the limit or character that forbids it."""
    if rule.field.max_bytes is not None:
        limited = limit_bytes(value, rule.field.max_bytes, "max_bytes")
        if isinstance(limited, Refusal):
            return _forbidden(limited)
    if rule.target is None:
        return _Verdict(outcome, note, value)
    # The header's name passed the same gate when the rule was compiled.
    written = sanitise_value(rule.target.encode(value), profile)
    if isinstance(written, Refusal):
        return _forbidden(written)
    return _Verdict(outcome, note, value, (rule.target.header, written))


def _forbidden(refusal: Refusal) -> _Verdict:
    return _Verdict(Outcome.DROPPED if isinstance(refusal, Oversize) else Outcome.INVALID, refusal.reason)


def _refusal(rules: Rules, receipt: Sequence[ReceiptEntry]) -> CallRefused | None:
    """The answer to a call whose contract is broken: names the first required field that does not travel, no value."""
    if rules.missing is MissingPolicy.CONTINUE or rules.on not in REFUSABLE:
        return None
    for rule, entry in zip(rules.rules, receipt, strict=True):
        if rule.field.required and not entry.outcome.carried:
            text = f"context field {entry.field} ({entry.source}) is required and {entry.outcome}: {entry.reason}"
            return CallRefused(400, "missing-context", text)
    return None


def _rejected(receipt: Sequence[ReceiptEntry], refused: CallRefused) -> tuple[ReceiptEntry, ...]:
    """The account of a refused call: what would have travelled did not."""
    reason = f"the call is refused: {refused.warning}"
    return tuple(
        entry._replace(outcome=Outcome.REJECTED, bytes=0, reason=reason) if entry.outcome.carried else entry
        for entry in receipt
    )
