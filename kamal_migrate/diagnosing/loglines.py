"""The lines of a log, whatever its size: decoded, without colours and without what CI and sshkit put before.

Constant memory: a block is at most what was read at once and one long line.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# Characters of a line that has no end; its parts overlap, so that nothing is cut for good.
LONGEST, OVERLAP = 1 << 16, 1 << 11
_BOMS = (
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (b"", "utf-8"),
)

_ESCAPE = r"(?:\x1b|␛|\^\[)"
_COLOUR = re.compile(
    rf"{_ESCAPE}\[[0-?]*[ -/]*[@-~]|\x1b[\]_][^\x07\x1b\n]*(?:\x07|\x1b\\)|\x1b[()][0-9A-B]|\x1b[=>78DEHMc]"
)
_PREFIX = re.compile(
    r"""(?:
      [^\t\n]*\t[^\t\n]*\t(?=\ufeff?\d{4}-\d\d-\d\dT)                    # gh run view: job, step
    | \ufeff
    | \[?(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?  # GitHub, GitLab, Jenkins
      (?:[ ]\d\d[EO][+ ]?[ ]?|[ ]|$)
    | _bk;t=\d{13}                                                          # Buildkite
    | \#\#\[[a-z]+\] | ::(?:error|warning|notice|debug)[^:\n]*::          # GitHub
    | section_(?:start|end):\d+:\S*                                      # GitLab
    | \s*(?:DEBUG|INFO|WARN|ERROR|FATAL)\s+\[[0-9a-f]{6,}\]              # sshkit
    | \#\d+[ ](?:\d+\.\d+[ ])?                                           # buildx
    | \s+
    )+""",
    re.VERBOSE,
)


class Block(NamedTuple):
    """Whole lines of a log, or a part of one without end; ``number`` is that of the first, from 1."""

    number: int
    text: str


def blocks(chunks: Iterable[bytes]) -> Iterator[Block]:
    """A log in blocks. What is not UTF-8 is replaced; UTF-16 is known by its mark."""
    number, rest = 1, ""
    for text in _decoded(chunks):
        rest += text
        end = rest.rfind("\n") + 1
        if end:
            yield Block(number, rest[:end])
            number += rest.count("\n", 0, end)
            rest = rest[end:]
        while len(rest) > LONGEST:
            yield Block(number, rest[:LONGEST])
            rest = rest[LONGEST - OVERLAP :]
    if rest:
        yield Block(number, rest)


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder: codecs.IncrementalDecoder | None = None
    begin = b""
    for chunk in chunks:
        begin += chunk
        if decoder is None and len(begin) < 3:
            continue
        decoder = decoder or _decoder(begin)
        yield decoder.decode(begin)
        begin = b""
    yield (decoder or _decoder(begin)).decode(begin, final=True)


def _decoder(begin: bytes) -> codecs.IncrementalDecoder:
    name = next(name for mark, name in _BOMS if begin.startswith(mark))
    return codecs.getincrementaldecoder(name)(errors="replace")


def uncoloured(text: str) -> str:
    """A text without what colours it or moves the cursor."""
    if "\x1b" in text or "^[" in text or "␛" in text:
        return _COLOUR.sub("", text)
    return text


def bare(line: str) -> str:
    """A line without what CI, sshkit and buildx put before it, and without blanks around it."""
    match = _PREFIX.match(line)
    return (line[match.end() :] if match else line).rstrip()
