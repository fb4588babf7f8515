"""ERB in a config: its tags, masked with as many characters, and the branches they make.

ERB is never evaluated. A tag alone on its line becomes newlines, as does every branch that is not
looked at; an output tag inside a line becomes a word; ``<% if … %>…<% end %>`` inside one line is
one word. So every offset in the masked text is an offset in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

from kamal_migrate.erbtags import Beside, ErbError, Tag, balance, lines_beside, tags_of
from kamal_migrate.text import Span

__all__ = ["MAX_COMBINATIONS", "Block", "Choice", "ErbError", "Region", "Tag", "Template", "template"]

MAX_COMBINATIONS = 16

Choice = Mapping[tuple[str, ...], int]
Region = tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Block:
    """A conditional or a loop: its tags in order, from the opening one to ``end``.

    ``conditions`` are the texts that choose between the branches of a conditional, empty for a
    loop; ``inverted`` is true for ``unless``. ``inline`` means that it stands inside one line.
    """

    tags: list[Tag]
    conditions: tuple[str, ...] = ()
    inverted: bool = False
    inline: bool = False

    @property
    def span(self) -> Span:
        return Span(self.tags[0].span.start, self.tags[-1].span.end)

    def bodies(self) -> list[Span]:
        """The text between the tags, a branch each."""
        pairs = zip(self.tags, self.tags[1:], strict=False)
        bodies = [Span(tag.span.end, after.span.start) for tag, after in pairs]
        return bodies[1:] if self.conditions and self.conditions[0].startswith("case ") else bodies

    def chosen(self, choice: Choice) -> int | None:
        """Which body is looked at; None where it is the absent one."""
        index = choice.get(self.conditions, 0)
        if self.inverted:
            index = 1 - index
        return index if index < len(self.bodies()) else None


_MIDDLE = re.compile(r"(elsif|else|when|in|rescue|ensure)\b(?!\s*=)")


def _condition(code: str) -> str:
    return " ".join(code.removesuffix(" then").split())


def blocks_of(tags: Sequence[Tag]) -> list[Block]:
    """The conditionals and loops, outer before inner.

    Raises `ErbError` where an ``end`` is missing, or is one too many.
    """
    blocks: list[Block] = []
    open_blocks: list[Block] = []
    for tag in tags:
        closed, opened = balance(tag.code) if tag.kind != "comment" else (0, 0)
        middle = tag.kind == "statement" and not closed and _MIDDLE.match(tag.code)
        if (closed or middle) and len(open_blocks) < max(closed, 1):
            raise ErbError(f"`<% {_short(tag.code)} %>` closes nothing", tag.span.start)
        if middle:
            open_blocks[-1].tags.append(tag)
        for _ in range(closed):
            open_blocks[-1].tags.append(tag)
            _name_branches(open_blocks.pop())
        for _ in range(opened):
            open_blocks.append(Block([tag]))
            blocks.append(open_blocks[-1])
    if open_blocks:
        tag = open_blocks[-1].tags[0]
        raise ErbError(f"`<% {_short(tag.code)} %>` has no `<% end %>`", tag.span.start)
    return blocks


def _short(code: str) -> str:
    """The first line of a tag's Ruby, for a message."""
    first = code.split("\n")[0].strip()
    return first if len(first) <= 40 else f"{first[:39]}…"


def _name_branches(block: Block) -> None:
    """Say what chooses between the branches; the body of a loop or ``begin`` is always looked at."""
    first, *middle = (_condition(tag.code) for tag in block.tags[:-1])
    keyword = first.split(" ")[0]
    if keyword not in ("if", "unless", "case"):
        return
    block.inverted = keyword == "unless"
    head = first if keyword == "case" else first.removeprefix(keyword).strip()
    texts = (code for code in middle if code != "else")
    named = [text.removeprefix("elsif").removeprefix("when").strip() for text in texts]
    block.conditions = (head, *named)


@dataclass(frozen=True)
class Template:
    """The ERB of one text."""

    text: str
    tags: list[Tag] = field(compare=False)
    blocks: list[Block] = field(compare=False)
    beside: Mapping[Tag, Beside] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def spans(self) -> list[Span]:
        """What is opaque: the tags, and each conditional inside a line as a whole."""
        spans: list[Span] = []
        inline = (block.span for block in self.blocks if block.inline)
        for span in sorted([*inline, *(tag.span for tag in self.tags)], key=_outer_first):
            if not spans or span.start >= spans[-1].end:
                spans.append(span)
        return spans

    @cached_property
    def conditionals(self) -> list[Block]:
        """The conditionals that choose between lines."""
        return [block for block in self.blocks if block.conditions and not block.inline]

    @cached_property
    def branches(self) -> list[Choice]:
        """Every way to choose: equal conditions choose together.

        These are all combinations if there are at most 16, else each branch is in one of them.
        """
        options: dict[tuple[str, ...], int] = {}
        for block in self.conditionals:
            cases = len(block.conditions) - (1 if block.tags[0].code.startswith("case") else 0)
            options[block.conditions] = cases + 1
        count = 1
        for number in options.values():
            count *= number
        if count <= MAX_COMBINATIONS:
            combinations = product(*map(range, options.values()))
            return [dict(zip(options, picks, strict=True)) for picks in combinations]
        return [
            {key: min(pick, number - 1) for key, number in options.items()}
            for pick in range(max(options.values()))
        ]

    def region(self, offset: int) -> Region:
        """Which branches and loops enclose an offset, outermost first: equal within one region."""
        found: list[tuple[int, int]] = []
        for index, block in enumerate(self.blocks):
            if block.inline:
                continue
            for number, body in enumerate(block.bodies()):
                if body.start <= offset <= body.end:
                    found.append((index, number))
        return tuple(found)

    def sees(self, choice: Choice, region: Region) -> bool:
        """Whether the text of a region is there when the branches are chosen so."""
        for index, number in region:
            block = self.blocks[index]
            if block.conditions and block.chosen(choice) != number:
                return False
        return True

    def structure_between(self, start: int, end: int) -> bool:
        """Whether a tag that is structure, or one that stands alone, lies between two offsets."""
        loose = {tag.span for block in self.blocks if not block.inline for tag in block.tags}
        return any(start <= span.start and span.end <= end for span in loose)

    def emitting(self) -> Iterator[int]:
        """Where lines come from that nobody can know: output tags alone on a line."""
        for tag in self.tags:
            if tag.kind == "output" and self.beside[tag].alone:
                yield tag.span.start

    def mask(self, choice: Choice) -> str:
        """The text with its tags masked; the branches that are not chosen are newlines."""
        pieces = list(self.text) if self.tags else [self.text]
        for tag in self.tags:
            pieces[tag.span.start : tag.span.end] = _filler(tag, self.beside[tag])
        for block in reversed(self.blocks):  # Inner before outer: what is not looked at wins.
            if block.inline:
                _fill(pieces, block.span, "e")
            elif block.conditions:
                chosen = block.chosen(choice)
                for number, body in enumerate(block.bodies()):
                    if number != chosen:
                        _fill(pieces, body, "\n")
        return "".join(pieces)


def _outer_first(span: Span) -> tuple[int, int]:
    return span.start, -span.end


def _fill(pieces: list[str], span: Span, filler: str) -> None:
    pieces[span.start : span.end] = filler * (span.end - span.start)


def _filler(tag: Tag, beside: Beside) -> str:
    """What stands in for a tag: newlines if alone on its line, a word for an output, else spaces.

    A statement before content is newlines and then the line's indentation: it prints nothing.
    """
    length = tag.span.end - tag.span.start
    if tag.kind == "output":
        return ("\n" if beside.alone else "e") * length
    if beside.before or beside.columns >= length:
        return " " * length
    indent = beside.columns if beside.after else 0
    return "\n" * (length - indent) + " " * indent


def _inline(text: str, block: Block, beside: Mapping[Tag, Beside]) -> bool:
    """Whether a block stands inside one line, beside something that is not its own."""
    if "\n" in text[block.span.start : block.span.end]:
        return False
    return beside[block.tags[0]].before or beside[block.tags[-1]].after


def template(text: str) -> Template:
    """The ERB of a text. Raises `ErbError` where it cannot be masked."""
    if "<%" not in text:
        return Template(text, [], [])
    tags = tags_of(text)
    blocks = blocks_of(tags)
    beside = dict(zip(tags, lines_beside(text, tags), strict=True))
    for block in blocks:
        block.inline = _inline(text, block, beside)
    return Template(text, tags, blocks, beside)
