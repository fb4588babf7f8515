"""Deploy files in every shape that people write, made by hypothesis; each is YAML that can be read.

Every key is ``k`` and a number and every comment ``# c``, a number and a full stop, all different, so
that a test finds them again without a parser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

PLAIN = (
    "web", "app-1", "1.5", "yes", "017", "1:30", "a b c", "10.0.0.1:80", "é😀 x", "~", "null", "a#b",
    "x: y".replace(": ", ":"), "<<x", "-x", "2024-01-01", ":sym", "0x1f", "a, b", "user/image:tag",
)  # fmt: skip
QUOTED = ("'it''s # no'", '"tab\\t # x"', "'80:80'", '"1"', "''", '"\\u2028"', "'a: b'", '"é 😀"')
FLOW = ("[]", "{}", "[a, b]", "{ x1: 1, y1: [z] }", "[ 'a, b' , \"c\" ]", "{x2: , y2}", "[p: 1, q]")
TEXT = st.sampled_from(["line", "  deeper", "# no comment", "a: b", "", "  ", "- x", "é😀"])


@dataclass
class _Writer:
    """Draws one file, line by line."""

    draw: Callable[..., Any]
    lines: list[str]
    keys: int = 0
    comments: int = 0
    anchors: int = 0
    text_end: int = -1
    usable: list[str] = field(default_factory=list)

    def chance(self, percent: int) -> bool:
        return bool(self.pick(range(100)) >= 100 - percent)

    def pick(self, options: Iterable[Any]) -> Any:
        return self.draw(st.sampled_from(list(options)))

    def comment(self) -> str:
        self.comments += 1
        words = self.pick(["", " k0", " it's", ' "', " a: b", " [x"])
        return f"# c{self.comments}.{words}"

    def trailing(self) -> str:
        if not self.chance(25):
            return str(self.pick(["", "", "", " "]))
        return f"{self.pick([' ', '  ', ' ' * 5])}{self.comment()}"

    def between(self, indent: int) -> None:
        """Blank and comment lines before an entry, at its column, deeper or at the margin."""
        while self.chance(20):
            text_goes_on = self.text_end >= 0 and not any(map(str.strip, self.lines[self.text_end :]))
            deeper = indent if text_goes_on else indent + 3
            place = self.pick([indent, indent, 0, deeper, None])
            self.lines.append("" if place is None else " " * place + self.comment())

    def key(self) -> str:
        self.keys += 1
        quote = self.pick(["", "", "", "'", '"'])
        return f"{quote}k{self.keys}{quote}:"

    def anchor(self) -> str:
        if not self.chance(8):
            return ""
        self.anchors += 1
        return f"&a{self.anchors} "

    def mapping(self, indent: int, depth: int, head: str | None = None) -> None:
        """The entries of a block mapping; ``head`` is a dash that the first one follows."""
        for _ in range(self.pick([1, 1, 2, 3, 4])):
            if head is None:
                self.between(indent)
            start = " " * indent if head is None else head
            head = None
            self.value(start + self.key(), indent, depth)

    def value(self, start: str, indent: int, depth: int) -> None:
        """A value after its key, on that line or below."""
        kinds = ["plain"] * 4 + ["quoted", "flow", "empty", "literal", "lines", "manyflow", "alias"]
        kinds += ["map", "list"] * 4 if depth < 4 else []
        kind = self.pick(kinds)
        if kind in ("map", "list"):
            anchor = self.anchor()
            self.lines.append(f"{start} {anchor}".rstrip() + self.trailing())
        if kind == "map":
            self.mapping(indent + self.pick([1, 2, 2, 2, 3, 4]), depth + 1)
        elif kind == "list":
            self.sequence(indent + self.pick([0, 1, 2, 2, 4]), depth + 1)
        elif kind in ("literal", "lines", "manyflow"):
            {"literal": self.literal, "lines": self.many_lines, "manyflow": self.many_flow}[kind](
                start, indent
            )
        else:
            self.lines.append(f"{start} {self.scalar(str(kind))}".rstrip() + self.trailing())
        if kind in ("map", "list") and anchor:
            self.usable.append(anchor)

    def scalar(self, kind: str) -> str:
        if kind == "alias" and self.usable:
            return str(self.pick(self.usable)).strip().replace("&", "*")
        anchor = self.anchor()
        self.usable += [anchor] if anchor else []
        if kind == "empty":
            return anchor
        return f"{anchor}{self.pick({'quoted': QUOTED, 'flow': FLOW}.get(kind, PLAIN))}"

    def literal(self, start: str, indent: int) -> None:
        head = self.pick(["|", "|-", ">", ">-", "|+", "|2-"])
        self.lines.append(f"{start} {head}{self.trailing()}")
        inner = " " * (indent + (2 if head == "|2-" else self.pick([1, 2, 4])))
        self.lines.append(f"{inner}first")
        for text in self.draw(st.lists(TEXT, max_size=3)):
            self.lines.append(f"{inner}{text}" if text.strip() else text)
        self.text_end = len(self.lines)

    def many_lines(self, start: str, indent: int) -> None:
        quote = self.pick(["", "'", '"'])
        inner = " " * (indent + 1)
        self.lines.append(f"{start} {quote}some")
        if self.chance(30):
            self.lines.append("")
        self.lines.append(f"{inner}more words{quote}{self.trailing()}")

    def many_flow(self, start: str, indent: int) -> None:
        opening, closing = self.pick(["[]", "{}"])
        inner = " " * (indent + 2)
        self.lines.append(f"{start} {opening}{self.trailing()}")
        for comma in self.pick([",", ",.", ",,", ",,."]):
            text = f"{self.key()} x" if opening == "{" else self.pick(["a", "'b'", "c d"])
            self.lines.append(f"{inner}{text}{comma.strip('.')}{self.trailing()}")
        self.lines.append(f"{' ' * (indent + 1)}{closing}{self.trailing()}")

    def sequence(self, indent: int, depth: int) -> None:
        for _ in range(self.pick([1, 2, 3])):
            self.between(indent)
            dash = " " * indent + "-"
            kind = self.pick(["plain", "quoted", "flow", "empty", "map", "list", "alias", "lower"])
            if kind == "map" and depth < 4:
                self.mapping(indent + 2, depth + 1, f"{dash} ")
            elif kind == "lower" and depth < 4:
                self.lines.append(dash + self.trailing())
                self.mapping(indent + 2, depth + 1)
            elif kind == "list":
                self.lines.append(f"{dash} - {self.scalar('plain')}{self.trailing()}")
                self.lines.append(f"{' ' * indent}  - {self.scalar('quoted')}{self.trailing()}")
            else:
                self.lines.append(f"{dash} {self.scalar(str(kind))}".rstrip() + self.trailing())


@st.composite
def deploy_files(draw: st.DrawFn) -> str:
    """The text of a deploy file."""
    writer = _Writer(draw, [])
    if writer.chance(15):
        writer.lines.append("---" + writer.trailing().rstrip(" "))
    writer.mapping(0, 0)
    writer.between(0)
    if writer.chance(10):
        writer.lines += [writer.pick(["...", "---"]), "rest: [of, it]"]
    newline = str(writer.pick(["\n", "\n", "\r\n"]))
    text = newline.join(writer.lines) + (newline if writer.chance(80) else "")
    return ("\ufeff" if writer.chance(10) else "") + text
