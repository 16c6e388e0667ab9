"""The steps of a field's `transform` as settings write them: a word, `{replace: [...]}` or `{lookup: {...}}`."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import PlainSerializer, PlainValidator

from gateway.core.patterns import parse_template
from gateway.core.transforms import Lookup, Replace, Step, Word
from gateway.settings.scalars import Refused, listed, named, parse_text
from gateway.settings.words import parse_pattern_text

MOST_ROWS: Final = 1000

_SHAPES: Final = f"{', '.join(Word)}, {{replace: [EXPRESSION, TEXT]}} or {{lookup: {{VALUE: TEXT}}, else: TEXT}}"


def parse_step(value: object) -> Step:
    """One step."""
    if isinstance(value, dict):
        keys = set(value)
        if keys == {"replace"}:
            return _replace(value["replace"])
        if "lookup" in keys and keys <= {"lookup", "else"}:
            return _lookup(value)
        raise Refused(f"must be {_SHAPES}, not a mapping of {listed(sorted(value), 'and')}")
    if isinstance(value, str) and value in list(Word):
        return Word(value)
    raise Refused(f"must be {_SHAPES}, not {named(value)}")


def build_step(step: Step) -> object:
    """The twin of `parse_step`."""
    if isinstance(step, Replace):
        return {"replace": [step.pattern.pattern, step.template.text]}
    if isinstance(step, Lookup):
        otherwise = {} if step.otherwise is None else {"else": step.otherwise}
        return {"lookup": dict(step.table), **otherwise}
    return step.value


def _replace(value: object) -> Replace:
    if not isinstance(value, list) or len(value) != 2:
        raise Refused("needs two texts for replace: [EXPRESSION, TEXT]")
    pattern = parse_pattern_text(value[0])
    try:
        return Replace(pattern, parse_template(parse_text(value[1]), pattern))
    except Refused:
        raise
    except ValueError as error:
        raise Refused(f"cannot replace: {error}") from None


def _lookup(value: dict[str, object]) -> Lookup:
    table = value["lookup"]
    if not isinstance(table, dict):
        raise Refused("needs a mapping for lookup: {VALUE: TEXT}")
    if len(table) > MOST_ROWS:
        raise Refused(f"has {len(table)} rows; a lookup can have {MOST_ROWS} at most")
    otherwise = parse_text(value["else"]) if "else" in value else None
    return Lookup(tuple((key, parse_text(text)) for key, text in table.items()), otherwise)


StepText = Annotated[Step, PlainValidator(parse_step), PlainSerializer(build_step)]
