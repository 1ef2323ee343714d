"""What is wrong with a recipe's field, in one sentence that says what is allowed."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints


def sentence(error: Any, content: dict[str, Any], root: Any) -> str:
    """pydantic's complaint about a recipe's content, with the field's full name and what is allowed there. root: the
    class of the whole recipe."""
    section: Any = root
    hint: Any = root
    value: Any = content
    names = [part for part in error["loc"] if isinstance(part, str)]
    for name in names:
        section, hint = hint, get_type_hints(hint, include_extras=True).get(name)
        value = value.get(name)
    label, kind = ".".join(names), error["type"]
    if kind == "unexpected_keyword_argument":
        known = ", ".join(".".join((*names[:-1], each.name)) for each in fields(section))
        return f"unknown field {label}. Known are: {known}."
    if kind in ("greater_than_equal", "less_than_equal"):
        interval = get_args(hint)[1]
        return f"{label} is {value}; allowed is {interval.ge:g} to {interval.le:g}."
    if is_dataclass(hint):
        return f"{label} must be a table, [{label}]."
    if get_origin(hint) is Literal:
        return f"{label} is {value!r}; allowed are {', '.join(map(repr, get_args(hint)))}."
    return f"{label} is {value!r}; expected {_described(hint)}."


def _described(hint: Any) -> str:
    inner = get_args(hint)
    if get_origin(hint) is tuple:
        each = inner[0].__name__
        return f"a list of {each}" if inner[-1] is Ellipsis else f"a list of {len(inner)} values, each {each}"
    return str((inner[0] if inner else hint).__name__)
