"""What moves to another mapping goes here and comes there, and its comments come along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kamal_migrate.engine.placement import Operations
from kamal_migrate.text import line_start
from kamal_migrate.yamldoc import Comment, Path, YamlDoc
from kamal_migrate.yamldoc import data as typed

Comments = dict[Path, list[Comment]]


def carry(ops: Operations) -> dict[Path, Path]:
    """Turn what moves to another mapping into a key that goes and one that comes; where each one comes."""
    moves = {source: path for source, (path, _) in ops.replaces.items() if _leaves(ops, source, path)}
    for source, path in moves.items():
        ops.comes.append((path, ops.replaces.pop(source)[1], source))
        ops.goes[source] = False
    ops.simplify()
    for path, _, origin in ops.comes:
        if origin and origin not in ops.replaces:
            moves.setdefault(origin, path)
    return moves


def _leaves(ops: Operations, source: Path, path: Path) -> bool:
    """Whether a key leaves its mapping, and that is not unwrapped."""
    if path[:-1] == source[:-1]:
        return False
    return path[:-1] != source[:-2] or (path != source[:-1] and bool(_beside(ops, source)))


def _beside(ops: Operations, source: Path) -> list[Path]:
    """What stays of the mapping that holds a key."""
    held = typed.get(ops.layer.doc.data, source[:-1])
    paths = [(*source[:-1], typed.name(key)) for key, _ in held.value] if held and held.kind == "map" else []
    return [path for path in paths if path not in ops.goes and path not in ops.replaces]


def claimed(doc: YamlDoc, lost: Iterable[Comment], moves: dict[Path, Path]) -> Comments:
    """The comments that describe what moves, by the path that it moves to."""
    found: Comments = {}
    stated = sorted(_stated(doc)) if moves else []
    for comment in lost if moves else ():
        owner = _owner(doc, comment, stated)
        target = next((moves[source] for source in moves if _related(source, owner)), None)
        if target is not None:
            found.setdefault(target, []).append(comment)
    return found


def _stated(doc: YamlDoc) -> Iterator[tuple[int, Path]]:
    for path, _ in typed.walk(doc.data):
        place = doc.at(*path)
        if path and place.exists:
            yield place.offset, path


def _owner(doc: YamlDoc, comment: Comment, stated: list[tuple[int, Path]]) -> Path:
    """The entry that a comment describes: the one on its line, else the one below.

    What is indented deeper than the one below is the tail of the one above.
    """
    start = line_start(doc.text, comment.span.start)
    above = [path for offset, path in stated if offset < comment.span.start]
    beside = [path for offset, path in stated if start <= offset < comment.span.start]
    below = [(offset, path) for offset, path in stated if offset > comment.span.start]
    if beside or not below:
        return (beside or above)[0 if beside else -1]
    offset, path = below[0]
    deeper = comment.span.start - start > offset - line_start(doc.text, offset)
    return above[-1] if above and deeper else path


def _related(one: Path, other: Path) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]
