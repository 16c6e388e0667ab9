"""The rules of a contract applied to one message: the headers that leave, and the account of every field.

Default deny is the construction: only fields make headers. Nothing here raises, whatever the message holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.core.budget import Slot, lay_out
from gateway.core.contract import Contract as Contract
from gateway.core.contract import MissingPolicy as MissingPolicy
from gateway.core.contract import Overflow as Overflow
from gateway.core.contract import Rule
from gateway.core.contract import Rules as Rules
from gateway.core.fields import Duplicates
from gateway.core.locators import CallFacts as CallFacts
from gateway.core.locators import Origin
from gateway.core.message import SipMessage
from gateway.core.receipt import Outcome, ReceiptEntry
from gateway.core.refusal import Refusal
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


def apply_rules(rules: Rules, message: SipMessage, facts: CallFacts) -> Mapped:
    """Read the fields from `message` and write those that may leave, one receipt entry for each, in their order."""
    origin = Origin(message, facts, rules.direction)
    slots = [_fill(rule, origin) for rule in rules.rules]
    too_long = lay_out(slots, rules)
    receipt = [
        ReceiptEntry(
            slot.rule.field.name,
            rules.direction,
            rules.on,
            slot.rule.source,
            slot.rule.target_text,
            slot.outcome,
            slot.bytes,
            slot.reason,
        )
        for slot in slots
    ]
    refused = _refusal(rules, receipt, too_long)
    if refused is not None:
        return refuse(Mapped((), tuple(receipt), {}, rules.redacted, 0), refused)
    headers = tuple(slot.header for slot in slots if slot.header is not None)
    values = {slot.rule.field.name: slot.value for slot in slots if slot.value is not None}
    return Mapped(headers, tuple(receipt), values, rules.redacted, sum(slot.bytes for slot in slots))


def _fill(rule: Rule, origin: Origin) -> Slot:
    """What the message holds of one field, before any limit."""
    values = rule.read(origin)
    if isinstance(values, Refusal):
        return Slot(rule, Outcome.INVALID, values.reason)
    value, note = (values[0], None) if len(values) == 1 else _choose(values, rule.field.duplicates)
    if value is None:
        return Slot(rule, Outcome.REJECTED, note) if values else _fill_without(rule, "the source is not there")
    if not value:
        return _fill_without(rule, "the source is empty")
    changed = value if rule.transform is None else rule.transform(value)
    if not changed:
        return _fill_without(rule, "nothing is left of the value after its transform")
    checked = changed if isinstance(changed, Refusal) else rule.check(changed)
    if isinstance(checked, Refusal):
        slot = Slot(rule, Outcome.INVALID, None)
        slot.lose(checked)
        return slot
    return Slot(rule, Outcome.SENT, note, checked)


def _choose(values: Sequence[str], duplicates: Duplicates) -> tuple[str | None, str | None]:
    """The value of none or several, and what to say about it; no value when there is none that counts."""
    if not values:
        return None, None
    if duplicates is Duplicates.REJECT:
        return None, f"{len(values)} values, one is allowed (duplicates: reject)"
    if duplicates is Duplicates.ALL:
        return ", ".join(filter(None, values)), f"all of {len(values)} values"
    return values[-1 if duplicates is Duplicates.LAST else 0], f"{duplicates} of {len(values)} values"


def _fill_without(rule: Rule, why: str) -> Slot:
    if rule.default is not None:
        return Slot(rule, Outcome.DEFAULTED, why, rule.default)
    return Slot(rule, Outcome.MISSING if rule.field.required else Outcome.ABSENT, why)


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
