"""The headers of one message laid out within the limits of its far end: what is too long is dropped, cut or refused.

Every field has a `Slot`. Limits of one header come first, that of all headers together last: there fields leave by
priority, the lowest first, and of equal ones the later. Changes slots, reads no message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.core.contract import Overflow, Rule, Rules
from gateway.core.octets import byte_length
from gateway.core.payload import join_items
from gateway.core.receipt import Outcome
from gateway.core.refusal import Oversize, Refusal
from gateway.core.sanitise import character_problem, is_plain, limit_bytes, octet_limit, sanitise_value
from gateway.core.truncation import truncate
from gateway.core.uui import UuiEncoding, build_uui
from gateway.core.values import FieldType


class Slot:
    """What became of one field so far: an outcome with its reason, the value it carries, its header or its part of one.

    Of the fields that share a header the first has it; `bytes` is what each adds to the message.
    """

    __slots__ = ("bytes", "header", "outcome", "part", "reason", "rule", "value")

    def __init__(
        self, rule: Rule, value: str | None, reason: str | None = None, outcome: Outcome = Outcome.SENT
    ) -> None:
        self.rule = rule
        self.value = value
        self.reason = reason
        self.outcome = outcome
        self.part: str | None = None
        self.header: tuple[str, str] | None = None
        self.bytes = 0

    def lose(self, refusal: Refusal) -> None:
        """Nothing of the field travels."""
        self.outcome = Outcome.DROPPED if isinstance(refusal, Oversize) else Outcome.INVALID
        self.reason = refusal.reason
        self.value = self.header = self.part = None
        self.bytes = 0


def lay_out(slots: Sequence[Slot], rules: Rules) -> str | None:
    """Give every slot that has a value its header, or take the value; says what was too long first, if anything."""
    first: str | None = None
    for slot in slots:
        if slot.value is not None and not _put_plain(slot, slot.value):
            over = _lay_out_one(slot, slot.value, rules)
            if over is not None and first is None:
                first = f"context field {slot.rule.field.name} is too long: {over.reason}"
    if rules.shares:
        first = _fit(slots, rules, _share) or first
    limit = rules.profile.bytes_total
    if limit is not None and sum([slot.bytes for slot in slots]) > limit:
        first = _fit(slots, rules, _total_problem) or first
    return first


def _put_plain(slot: Slot, value: str) -> bool:
    """Whether the value needs nothing but a header to stand in, as nearly all do; then it has it."""
    target, size = slot.rule.target, len(value)
    if target is None or size > target.plain_bytes or not is_plain(value):
        return False
    slot.header = (target.header, value)
    slot.bytes = len(target.header) + size  # a header's name is ASCII
    return True


def _lay_out_one(slot: Slot, value: str, rules: Rules) -> Oversize | None:
    written = _written(slot.rule, value, rules)
    over = written if isinstance(written, Oversize) else None
    if over and rules.overflow is Overflow.TRUNCATE:
        shorter = _shorten(slot.rule, value, lambda start: not isinstance(_written(slot.rule, start, rules), Oversize))
        if shorter is not None:
            written = _written(slot.rule, shorter, rules)
            slot.value, slot.outcome, slot.reason = shorter, Outcome.TRUNCATED, over.reason
    if isinstance(written, Refusal):
        slot.lose(written)
    else:
        _put(slot, written)
    return over


def _put(slot: Slot, written: str) -> None:
    target = slot.rule.target
    if target is None:
        return
    if target.key is not None:
        slot.part = written
        return
    slot.header = (target.header, written)
    slot.bytes = byte_length(target.header) + byte_length(written)


def _written(rule: Rule, value: str, rules: Rules) -> str | Refusal:
    """What stands for the value on the wire: a header's value or a part of it; for the record, the value itself."""
    if rule.field.max_bytes is not None:
        limited = limit_bytes(value, rule.field.max_bytes, "max_bytes")
        if isinstance(limited, Refusal):
            return limited
    target = rule.target
    if target is None:
        return value
    part = target.encode(value)
    if isinstance(part, Refusal):
        return part
    if target.key is not None:
        return (rules.uui.encoding is UuiEncoding.ASCII and character_problem(part, rules.profile)) or part
    return _header_value(target.header, _uui(part, rules) if target.uui else part, rules)


def _uui(payload: str, rules: Rules) -> str | Refusal:
    limit = octet_limit(rules.uui, rules.profile)
    limited = payload if limit is None else limit_bytes(payload, *limit)
    return limited if isinstance(limited, Refusal) else build_uui(limited, rules.uui)


def _header_value(name: str, value: str | Refusal, rules: Rules) -> str | Refusal:
    # The name passed the gate when the rule was compiled.
    written = value if isinstance(value, Refusal) else sanitise_value(value, rules.profile)
    if isinstance(written, Refusal) or rules.profile.header_bytes is None:
        return written
    size, limit = byte_length(name) + len(": ") + byte_length(written), rules.profile.header_bytes
    if size > limit:
        return Oversize(f"{size} bytes with the name, {limit} allowed (profile {rules.profile.name})", size - limit)
    return written


Problem = Callable[[Sequence[Slot], Rules], Oversize | None]


def _fit(slots: Sequence[Slot], rules: Rules, problem: Problem) -> str | None:
    """Let fields leave until there is no problem; what it was at first.

    A problem is measured again only when enough may have left, so that time stays near linear in the fields.
    """
    at_first = problem(slots, rules)
    if at_first is None:
        return None
    excess = at_first.excess
    for slot, why in _leaving_order(slots, rules, parts_only=problem is _share):
        if excess <= 0:
            over = problem(slots, rules)
            if over is None:
                break
            excess = over.excess
        frees = _frees_at_most(slot)
        because = Oversize(f"{at_first.reason}, and {why}")
        if rules.overflow is Overflow.TRUNCATE and frees > excess and _fit_shorter(slot, slots, rules, problem):
            slot.outcome, slot.reason = Outcome.TRUNCATED, because.reason
        else:
            slot.lose(because)
        excess -= frees
    problem(slots, rules)
    return f"the context is too long: {at_first.reason}"


def _leaving_order(slots: Sequence[Slot], rules: Rules, parts_only: bool) -> list[tuple[Slot, str]]:
    """The lowest priority first, and of it the last; before all, what could not stay even alone: no other makes way."""
    limit = rules.profile.bytes_total
    hopeless, others = [], []
    for slot in slots:
        if slot.bytes == 0 or (parts_only and slot.part is None):
            continue
        if limit is not None and slot.bytes > limit:
            hopeless.append((slot, f"this field alone has {slot.bytes}"))
        else:
            others.append((slot, f"its priority {slot.rule.field.priority} is the lowest"))
    others.reverse()
    return hopeless + sorted(others, key=lambda item: item[0].rule.field.priority)


def _frees_at_most(slot: Slot) -> int:
    """The bytes that go with a slot; with a part go its escapes and what joins it to the next, too."""
    return slot.bytes if slot.part is None else 2 * slot.bytes + len("%2C")


def _fit_shorter(slot: Slot, slots: Sequence[Slot], rules: Rules, problem: Problem) -> bool:
    """Cut one slot's value so that there is no problem; False when no start of it does."""

    def fits(start: str) -> bool:
        written = _written(slot.rule, start, rules)
        if isinstance(written, Refusal):
            return not isinstance(written, Oversize)
        _put(slot, written)
        return problem(slots, rules) is None

    assert slot.value is not None
    shorter = _shorten(slot.rule, slot.value, fits)
    if shorter is None or isinstance(_written(slot.rule, shorter, rules), Refusal) or not fits(shorter):
        return False
    slot.value = shorter
    return True


def _shorten(rule: Rule, value: str, fits: Callable[[str], bool]) -> str | None:
    """The longest start that fits; None where a part of the value means something else, or nothing."""
    target = rule.target
    if rule.field.type is not FieldType.TEXT or (target is not None and target.raw):
        return None
    return truncate(value, fits)


def _total_problem(slots: Sequence[Slot], rules: Rules) -> Oversize | None:
    if rules.shares:
        _share(slots, rules)
    total = sum(slot.bytes for slot in slots)
    limit = rules.profile.bytes_total
    if limit is None or total <= limit:
        return None
    return Oversize(f"{total} bytes in all, {limit} allowed (profile {rules.profile.name})", total - limit)


def _share(slots: Sequence[Slot], rules: Rules) -> Oversize | None:
    """Write the header that several fields share; the first has it and all bytes that are not the others' parts."""
    sharing = [slot for slot in slots if slot.part is not None]
    if not sharing:
        return None
    parts = [slot.part or "" for slot in sharing]
    first = sharing[0]
    assert first.rule.target is not None
    name = first.rule.target.header
    written = _header_value(name, _uui(join_items(parts, rules.uui.format), rules), rules)
    digits = 2 if rules.uui.encoding is UuiEncoding.HEX else 1
    for slot, part in zip(sharing, parts, strict=True):
        slot.header, slot.bytes = None, digits * byte_length(part)
    if isinstance(written, Refusal):
        return written if isinstance(written, Oversize) else Oversize(written.reason)
    first.header = (name, written)
    first.bytes += byte_length(name) + byte_length(written) - sum(slot.bytes for slot in sharing)
    return None
