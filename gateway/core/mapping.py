"""The rules of a contract applied to one message: the headers that leave, and the account of every field.

Default deny is the construction: only fields make headers. Nothing here raises, whatever the message holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from gateway.core.budget import Slot, lay_out
from gateway.core.contract import Contract as Contract
from gateway.core.contract import MissingPolicy as MissingPolicy
from gateway.core.contract import Overflow as Overflow
from gateway.core.contract import Rule
from gateway.core.contract import Rules as Rules
from gateway.core.fields import Duplicates
from gateway.core.frozen import frozen
from gateway.core.locators import CallFacts as CallFacts
from gateway.core.locators import Origin
from gateway.core.message import SipMessage
from gateway.core.receipt import Outcome, ReceiptEntry
from gateway.core.refusal import Refusal
from gateway.core.scopes import REFUSABLE
from gateway.errors import CallRefused

HIDDEN = "***"
"""What stands for a value of class `pii` or `secret`."""


@frozen
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
        if not self.redacted:
            return dict(self.values)
        return {name: HIDDEN if name in self.redacted else value for name, value in self.values.items()}


def apply_rules(rules: Rules, message: SipMessage, facts: CallFacts) -> Mapped:
    """Read the fields from `message` and write those that may leave, one receipt entry for each, in their order."""
    origin = Origin(message, facts, rules.direction)
    slots = [_fill(rule, origin) for rule in rules.rules]
    too_long = lay_out(slots, rules)
    receipt = tuple([slot.rule.account(slot.outcome, slot.bytes, slot.reason) for slot in slots])
    refused = _refusal(rules, receipt, too_long)
    if refused is not None:
        return refuse(Mapped((), receipt, {}, rules.redacted, 0), refused)
    headers = tuple([slot.header for slot in slots if slot.header is not None])
    values = {slot.rule.field.name: slot.value for slot in slots if slot.value is not None}
    return Mapped(headers, receipt, values, rules.redacted, sum([slot.bytes for slot in slots]))


def _fill(rule: Rule, origin: Origin) -> Slot:
    """What the message holds of one field, before any limit."""
    values = rule.read(origin)
    if isinstance(values, Refusal):
        return Slot(rule, None, values.reason, Outcome.INVALID)
    if not values:
        return _fill_without(rule, "the source is not there")
    value, note = values[0], None
    if len(values) > 1:
        if rule.field.duplicates is Duplicates.REJECT:
            many = f"{len(values)} values, one is allowed (duplicates: reject)"
            return Slot(rule, None, many, Outcome.REJECTED)
        value, note = _choose(values, rule.field.duplicates)
    if not value:
        return _fill_without(rule, "the source is empty")
    return Slot(rule, value, note) if rule.prepare is None else _fill_prepared(rule, rule.prepare(value), note)


def _fill_prepared(rule: Rule, prepared: str | Refusal, note: str | None) -> Slot:
    if isinstance(prepared, Refusal):
        slot = Slot(rule, None)
        slot.lose(prepared)
        return slot
    if not prepared:
        return _fill_without(rule, "nothing is left of the value after its transform")
    return Slot(rule, prepared, note)


def _choose(values: Sequence[str], duplicates: Duplicates) -> tuple[str, str]:
    """The value of several, and what to say about it."""
    if duplicates is Duplicates.ALL:
        return ", ".join(filter(None, values)), f"all of {len(values)} values"
    return values[-1 if duplicates is Duplicates.LAST else 0], f"{duplicates} of {len(values)} values"


def _fill_without(rule: Rule, why: str) -> Slot:
    if rule.default is not None:
        return Slot(rule, rule.default, why, Outcome.DEFAULTED)
    return Slot(rule, None, why, Outcome.MISSING if rule.field.required else Outcome.ABSENT)


def _refusal(rules: Rules, receipt: Sequence[ReceiptEntry], too_long: str | None) -> CallRefused | None:
    """The answer to a call whose contract is broken: names the first field that broke it, no value."""
    if rules.on not in REFUSABLE:
        return None
    if too_long is not None and rules.overflow is Overflow.REJECT:
        return CallRefused(400, "context-refused", too_long)
    if rules.missing is MissingPolicy.CONTINUE:
        return None
    for rule, entry in zip(rules.rules, receipt, strict=True):
        if rule.field.required and not entry.outcome.carried:
            text = f"context field {entry.field} ({entry.source}) is required and {entry.outcome}: {entry.reason}"
            return CallRefused(400, "missing-context", text)
    return None


def refuse(mapped: Mapped, refused: CallRefused) -> Mapped:
    """What is left of a mapping when the call is refused: the account, in which nothing travelled."""
    reason = f"the call is refused: {refused.warning}"
    receipt = tuple(
        entry._replace(outcome=Outcome.REJECTED, bytes=0, reason=reason) if entry.outcome.carried else entry
        for entry in mapped.receipt
    )
    return Mapped((), receipt, {}, mapped.redacted, 0, refused)
