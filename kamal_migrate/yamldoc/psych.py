"""What type Ruby's Psych gives to a plain YAML scalar.

Kamal reads its config with Psych, whose rules are neither YAML 1.1 nor 1.2: ``no`` is false, ``y`` is a
string, ``017`` is 15, ``1:30`` is 5400, ``1,000`` is 1000 and ``1e3`` is a string. The rules were checked
against Psych 4.0.4 (Ruby 3.1); later versions differ only in what no config holds (``0x_``, ``1582-10-10``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import NamedTuple


class Resolved(NamedTuple):
    """The kind that Psych gives to a scalar, and its value as Python has it."""

    kind: str
    value: object


def _digits(text: str) -> str:
    return text.replace("_", "").replace(",", "")


def _octal(text: str) -> int:
    return int(_digits(text) or "0", 8)


def _base60_integer(text: str) -> int:
    parts = enumerate(text.split(":"))
    return sum(int(_digits(part)) * (3600, 60, 1)[place] for place, part in parts)


def _base60_float(text: str) -> float:
    parts = enumerate(text.split(":"))
    return sum(float(_digits(part)) * (3600, 60, 1)[place] for place, part in parts)


def _integer(base: int) -> Callable[[str], int]:
    return lambda text: int(_digits(text), base)


def _float(text: str) -> float:
    return float(_digits(text))


def _date(text: str) -> str:
    year, month, day = map(int, text.split("-"))
    date(year + 400, month, day)  # Ruby has a year 0, Python has not; the calendar repeats.
    return f"{year:04}-{month:02}-{day:02}"


def _time(text: str) -> str:
    """The text, where Ruby's Time takes it: any month has 31 days, a minute 60 seconds."""
    _, month, day, hour, minute, second, zone = map(int, _TIME.fullmatch(text).groups("0"))  # type: ignore[union-attr]
    fits = 1 <= month <= 12 and 1 <= day <= 31 and minute < 60 and second <= 60 and abs(zone) < 24
    if not fits or hour * 3600 + minute * 60 + second > 86400:
        raise ValueError(text)
    return text


def _symbol(text: str) -> str:
    body = text[1:]
    quoted = re.match(r"""(["'])(.*)\1""", body, re.DOTALL)
    return quoted[2].removeprefix(":") if quoted else body


_TIME = re.compile(
    r"(-?\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt]|\s+)(\d{1,2}):(\d\d):(\d\d)(?:\.\d*)?"
    r"(?:\s*(?:Z|([-+]\d{1,2}):?(?:\d\d)?))?",
    re.ASCII,
)

# The first row whose pattern is the whole scalar gives the kind; a conversion that fails leaves a string.
_TABLE: tuple[tuple[str, str, Callable[[str], object]], ...] = (
    ("null", r"~|(?i:null)|", lambda _: None),
    ("bool", r"(?i:yes|true|on)", lambda _: True),
    ("bool", r"(?i:no|false|off)", lambda _: False),
    ("time", _TIME.pattern, _time),
    ("date", r"\d{4}-(?:1[012]|0\d|\d)-(?:[12]\d|3[01]|0\d|\d)", _date),
    ("float", r"\+?\.(?i:inf)", lambda _: float("inf")),
    ("float", r"-\.(?i:inf)", lambda _: float("-inf")),
    ("float", r"\.(?i:nan)", lambda _: "nan"),
    ("symbol", r":.+", _symbol),
    ("int", r"[-+]?\d[\d_]*(?::[0-5]?\d){1,2}", _base60_integer),
    ("float", r"[-+]?\d[\d_]*(?::[0-5]?\d){1,2}\.[\d_]*", _base60_float),
    ("float", r"[-+]?(?:\d[\d_,]*)?\.\d*(?:[eE][-+]\d+)?", _float),
    ("int", r"[-+]?0b[01_,]+", _integer(2)),
    ("int", r"[-+]?0[0-7_,]+", _octal),
    ("int", r"[-+]?(?:0|[1-9](?:\d|,\d|_\d)*)", _integer(10)),
    ("int", r"[-+]?0x[\da-fA-F_,]+", _integer(16)),
)
_ROWS = tuple((kind, re.compile(pattern, re.ASCII), convert) for kind, pattern, convert in _TABLE)
# What begins with a letter and is none of the words can only be a string.
_SPECIAL_START = frozenset("0123456789+-.:~yYtToOnNfF")


@lru_cache(maxsize=8192)
def resolve(text: str) -> Resolved:
    """The kind and value of a plain scalar.

    Kinds: ``null``, ``bool``, ``int``, ``float``, ``date``, ``time``, ``symbol`` (its name as a string) and
    ``str``. Dates and times stay as text; not-a-number is the text ``nan``, so that equal stays equal.
    """
    if text and text[0] not in _SPECIAL_START:
        return Resolved("str", text)
    for kind, pattern, convert in _ROWS:
        if pattern.fullmatch(text):
            try:
                return Resolved(kind, convert(text))
            except ValueError:
                return Resolved("str", text)
    return Resolved("str", text)


# Psych 4.0.4 raises an error for these, later ones read a string.
_STUMBLES = re.compile(r"[-+]?(?:0[xb][_,]+|\.[eE][-+]\d+)")


def plain_is_string(text: str) -> bool:
    """Whether every Psych reads these characters, written without quotes, as a string."""
    return resolve(text).kind == "str" and not _STUMBLES.fullmatch(text)
