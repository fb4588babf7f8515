"""The types that Psych gives to plain scalars: a table made by the real one, and the real one itself."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from pathlib import Path

import pytest

from kamal_migrate.yamldoc import YamlDoc
from kamal_migrate.yamldoc.data import NULL, Data, get, of
from kamal_migrate.yamldoc.psych import plain_is_string, resolve
from kamal_migrate.yamldoc.style import Style, inline

TABLE: list[tuple[str, str, object]] = [
    tuple(row) for row in json.loads((Path(__file__).parent / "data/psych.json").read_text("utf-8"))
]

# Reads a JSON list of scalars; for each writes the class and the value that Psych gives to it.
RUBY = """
require "yaml"; require "json"; require "date"
KINDS = { NilClass => "null", TrueClass => "bool", FalseClass => "bool", Integer => "int",
  Float => "float", Symbol => "symbol", Date => "date", DateTime => "time", Time => "time" }
puts JSON.generate(JSON.parse($stdin.read).map { |text|
  value = YAML.unsafe_load("k: " + text)["k"]
  kind = KINDS.fetch(value.class, "str")
  [text, kind, %w[null time].include?(kind) ? nil : kind == "float" ? value.to_s : value]
})
"""


def as_told(kind: str, value: object) -> object:
    """A value of the table as the resolver has it."""
    if kind != "float":
        return value
    number = float(str(value).replace("Infinity", "inf"))
    return "nan" if math.isnan(number) else number


def agrees(text: str, kind: str, value: object) -> bool:
    found = resolve(text)
    return found.kind == kind and (kind == "time" or found.value == as_told(kind, value))


@pytest.mark.parametrize(("text", "kind", "value"), TABLE, ids=[repr(row[0]) for row in TABLE])
def test_each_scalar_has_the_type_that_psych_gives_it(text: str, kind: str, value: object) -> None:
    assert agrees(text, kind, value), resolve(text)


@pytest.mark.parametrize(("text", "kind"), [row[:2] for row in TABLE], ids=[repr(row[0]) for row in TABLE])
def test_a_string_is_quoted_wherever_psych_would_read_another_type(text: str, kind: str) -> None:
    assert plain_is_string(text) == (kind == "str")
    for quote in ("'", '"'):
        written = inline(of(text), Style(quote=quote))
        assert get(YamlDoc(f"k: {written}").data, ("k",)) == Data("str", text)
        assert kind == "str" or written[0] in "'\""


@pytest.mark.parametrize("text", ["0x_", "0b_", "+0x_,", ".e+3", "-.E-10"])
def test_what_some_psych_stumbles_over_is_quoted(text: str) -> None:
    assert resolve(text).kind == "str"
    assert inline(of(text), Style()) == f'"{text}"'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"), (True, "true"), (False, "false"), (17, "17"), (1.0, "1.0"), (1e20, "1.0e+20"),
        (1.5e-7, "1.5e-07"), (float("inf"), ".inf"), (float("-inf"), "-.inf"), (float("nan"), ".nan"),
        (Data("date", "2024-01-01"), "2024-01-01"), (Data("symbol", "a"), ":a"),
        (Data("erb", "<%= x %>"), "<%= x %>"), (Data("time", "2024-01-01 12:30:45"), "2024-01-01 12:30:45"),
    ],
)  # fmt: skip
def test_other_types_are_written_so_that_psych_reads_them(value: object, written: str) -> None:
    assert inline(of(value), Style()) == written
    if not isinstance(value, Data) or value.kind != "erb":
        assert get(YamlDoc(f"k: {written}").data, ("k",)) == of(value)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("'15'", Data("str", "15")),
        ('"yes"', Data("str", "yes")),
        ("!!str 15", Data("str", "15")),
        ("! 15", Data("int", 15)),
        ("!!int '15'", Data("tagged", ("tag:yaml.org,2002:int", "15"))),
        ("|\n  15", Data("str", "15")),
        ("&a 15", Data("int", 15)),
        ("", NULL),
        ("&a", NULL),
        ("a\n  b", Data("str", "a b")),
    ],
)
def test_quotes_tags_and_blocks_say_the_type_themselves(text: str, data: Data) -> None:
    assert get(YamlDoc(f"k: {text}").data, ("k",)) == data


def test_an_integer_too_long_for_python_is_no_exception() -> None:
    assert resolve("9" * 10_000).kind in ("int", "str")


def test_the_real_psych_agrees() -> None:
    ruby = shutil.which("ruby")
    if ruby is None:
        pytest.skip("there is no ruby here")
    scalars = json.dumps([row[0] for row in TABLE])
    run = subprocess.run([ruby, "-W0", "-e", RUBY], input=scalars, capture_output=True, text=True)
    if run.returncode:
        pytest.skip("this ruby has no psych")
    rows = [tuple(row) for row in json.loads(run.stdout)]
    assert len(rows) == len(TABLE)
    assert [row for row in rows if not agrees(*row)] == []
