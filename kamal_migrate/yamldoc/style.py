"""How a file writes YAML, and new values written that way.

ruamel.yaml lays out the text and escapes what stands in quotes; what is quoted is decided here, for
every word that Psych would read as another type has to be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from io import StringIO
from typing import Any, NamedTuple

from kamal_migrate.text import newline_of
from kamal_migrate.yamldoc.data import Data, Path, name
from kamal_migrate.yamldoc.lines import column
from kamal_migrate.yamldoc.psych import plain_is_string
from kamal_migrate.yamldoc.tree import Node, leaves

ENOUGH_WIDTH = 1_000_000
Comments = Mapping[Path, Sequence[str]]


class Style(NamedTuple):
    """A file's habits: line break, columns a mapping is indented by, columns before a dash, quote.

    ``flow_padding`` is the white space within braces, ``flow_lists`` whether its lists stand in brackets.
    """

    newline: str = "\n"
    step: int = 2
    dash: int = 2
    quote: str = '"'
    flow_padding: str = ""
    flow_lists: bool = False


def style_of(text: str, root: Node | None) -> Style:
    """The habits of a file: what it does most often, else Kamal's own template."""
    steps: Counter[int] = Counter()
    dashes: Counter[int] = Counter()
    if root is None:
        return Style(newline_of(text))
    for key, value in _nested(root):
        inner = value.entries[0].key.start if value.entries else value.start
        deeper = column(text, inner) - column(text, key.start)
        if inner != value.start or not value.anchor:
            (steps if value.entries else dashes)[deeper] += 1
    quotes = Counter(leaf.style for leaf in leaves(root))
    quote = "'" if quotes["'"] > quotes['"'] else '"'
    step = _most(steps, 2, least=1)
    padded = any(text.startswith("{ ", node.start) for node in _in_flow(root) if node.kind == "map")
    dash = _most(dashes, step, least=0)
    brackets = sum(1 for node in _in_flow(root) if node.kind == "list" and node.items)
    return Style(newline_of(text), step, dash, quote, " " if padded else "", brackets > dashes.total())


def _nested(node: Node) -> Iterator[tuple[Node, Node]]:
    """Each key of a block mapping with the block collection it holds."""
    for entry in node.entries:
        if entry.value.is_block and not node.flow:
            yield entry.key, entry.value
    for child in node.children:
        yield from _nested(child)


def _in_flow(node: Node) -> Iterator[Node]:
    """The maps in braces and the lists in brackets."""
    if node.flow:
        yield node
    for child in node.children:
        yield from _in_flow(child)


def _most(counts: Counter[int], default: int, *, least: int) -> int:
    usual = [(count, -columns) for columns, count in counts.items() if columns >= least]
    return -max(usual)[1] if usual else default


# A string that may stand without quotes in a block; in brackets also without their signs.
_PLAIN = re.compile(
    r"(?:[^\s\-?:,\[\]{}#&*!|>'\"%@`=<.]|[-.](?=[^\s\-.]))"
    r"(?:[^\s:#]|:(?=[^\s])|(?<=[^\s])#|[ ](?=[^\s#:]))*"
)
_FLOW_SIGNS = re.compile(r"[,\[\]{}?]|:(?![A-Za-z0-9/])")


def is_plain(text: str, *, flow: bool) -> bool:
    """Whether a string may be written without quotes and is still read as that string."""
    if text == ".":
        return True
    if not (text.isprintable() and _PLAIN.fullmatch(text) and plain_is_string(text)):
        return False
    return not (flow and _FLOW_SIGNS.search(text))


def _string(text: str, quote: str, *, flow: bool) -> str:
    """What ruamel.yaml shall write for a string; lines of a text go into double quotes."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

    if is_plain(text, flow=flow):
        return text
    single = quote == "'" and text.isprintable()
    quoted: str = (SingleQuotedScalarString if single else DoubleQuotedScalarString)(text)
    return quoted


def _other(data: Data) -> str:
    """The text of a scalar that is no string."""
    if data.kind in ("null", "bool"):
        return {None: "null", True: "true", False: "false"}[data.value]
    if data.kind == "float":
        return _float(data.value)
    if data.kind == "tagged":
        return f"!<{data.value[0]}> {inline(Data('str', data.value[1]), Style())}"
    return f":{data.value}" if data.kind == "symbol" else str(data.value)


def _float(value: float | str) -> str:
    """A float as Psych reads it: an exponent needs a point before it and a sign."""
    if value in (float("inf"), float("-inf"), "nan"):
        return {float("inf"): ".inf", float("-inf"): "-.inf"}.get(value, ".nan")  # type: ignore[arg-type]
    digits, letter, exponent = repr(value).partition("e")
    digits += "" if "." in digits else ".0"
    return f"{digits}e{int(exponent):+03}" if letter else digits


def _stand_in(index: int) -> str:
    return f"raw-{index:05}-text"


def _represented(data: Data, quote: str, raw: list[str], *, flow: bool, brackets: bool) -> Any:
    """What ruamel.yaml shall write; what is no string goes in as a word and comes back afterwards."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if data.kind == "map":
        pairs = CommentedMap()
        for key, value in data.value:
            name_of = _represented(key, quote, raw, flow=flow, brackets=brackets)
            pairs[name_of] = _represented(value, quote, raw, flow=flow, brackets=brackets)
        return pairs
    if data.kind == "list":
        plain = not any(item.kind in ("map", "list", "erb") for item in data.value)
        flow = flow or (plain and (brackets or not data.value))
        items = CommentedSeq(
            _represented(item, quote, raw, flow=flow, brackets=brackets) for item in data.value
        )
        if flow:
            items.fa.set_flow_style()
        return items
    if data.kind == "str":
        return _string(data.value, quote, flow=flow)
    raw.append(_other(data))
    return _stand_in(len(raw) - 1)


@lru_cache(maxsize=64)
def _writer(step: int, dash: int) -> Any:
    from ruamel.yaml import YAML

    writer = YAML(pure=True)
    writer.indent(mapping=step, sequence=dash + 2, offset=dash)
    writer.width = ENOUGH_WIDTH
    return writer


@lru_cache(maxsize=4096)
def _dump(data: Data, step: int, dash: int, quote: str, *, flow: bool = False, brackets: bool = False) -> str:
    raw: list[str] = []
    stream = StringIO()
    _writer(step, dash).dump(_represented(data, quote, raw, flow=flow, brackets=brackets), stream)
    text = stream.getvalue().removesuffix("\n").removesuffix("\n...")
    for index, source in enumerate(raw):
        text = text.replace(_stand_in(index), source)
    return text


def block_lines(data: Data, style: Style) -> list[str]:
    """A map as the lines of a block, not indented."""
    return _dump(data, style.step, style.dash, style.quote, brackets=style.flow_lists).split("\n")


def commented_lines(data: Data, style: Style, comments: Comments, path: Path = ()) -> list[str]:
    """A map as the lines of a block, with the comments of each path on lines above its key."""
    lines: list[str] = []
    for key, value in data.value:
        here = (*path, name(key))
        pair = block_lines(Data("map", ((key, value),)), style)
        below = any(other[: len(here)] == here != other for other in comments)
        if below and value.kind == "map" and value.value:
            inner = commented_lines(value, style, comments, here)
            pair = [pair[0], *(" " * style.step + line for line in inner)]
        lines += [*comments.get(here, ()), *pair]
    return lines


def inline(data: Data, style: Style, *, flow: bool = False) -> str:
    """A value on one line: a scalar, or a collection in flow style; ``flow`` if within brackets."""
    pad = style.flow_padding
    if data.kind == "map":
        pairs = [f"{_key(key, style)}: {inline(value, style, flow=True)}" for key, value in data.value]
        return f"{{{pad}{', '.join(pairs)}{pad}}}" if pairs else "{}"
    if data.kind == "list":
        return f"[{', '.join(inline(item, style, flow=True) for item in data.value)}]"
    if data.kind != "str":
        return _other(data)
    if is_plain(data.value, flow=flow):
        return str(data.value)
    return _dump(data, style.step, style.dash, style.quote, flow=flow)


def _key(key: Data, style: Style) -> str:
    return inline(key, style, flow=True)
