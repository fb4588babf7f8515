"""Where an insertion stands whose place is among lines that go or are written anew."""

from __future__ import annotations

from dataclasses import replace

from kamal_migrate.text import Edit, line_end, line_start
from kamal_migrate.yamldoc import Change, Refusal


def aside(text: str, change: Change, new: list[Edit], taken: list[Edit]) -> Change:
    """An insertion that stands below lines that are written ``new``, else above those that are ``taken``.

    Raises `Refusal` within braces.
    """
    edits = tuple(_above(text, _below(edit, new), taken) for edit in change.edits)
    return replace(change, edits=edits)


def _below(edit: Edit, new: list[Edit]) -> Edit:
    lines = next((other for other in new if other.start < edit.start < other.end), None)
    newline = "\r\n" if edit.text.startswith("\r\n") else "\n"
    if lines is None or not edit.text.startswith(newline):
        return edit
    return Edit(lines.end, lines.end, edit.text.removeprefix(newline) + newline)


def _above(text: str, edit: Edit, taken: list[Edit]) -> Edit:
    lines = [gone for gone in taken if _of_lines(text, gone)]
    while gone := next((t for t in lines if t.start < edit.start < t.end), None):
        if "\n" not in edit.text:
            raise Refusal("what stands beside it goes", gone.start)
        if not gone.start:
            newline = "\r\n" if edit.text.startswith("\r\n") else "\n"
            return Edit(gone.end, gone.end, edit.text.strip("\r\n") + newline)
        start = line_start(text, gone.start - 1)
        offset = line_end(text, start)
        apart = text[start:offset].strip() and not text.startswith("#", start)
        edit = Edit(offset, offset, edit.text if apart else _joined(edit.text))
    return edit


def _joined(text: str) -> str:
    """New lines without the blank one that would set them apart."""
    newline = "\r\n" if text.startswith("\r\n") else "\n"
    return text.removeprefix(newline) if text.startswith(newline * 2) else text


def _of_lines(text: str, edit: Edit) -> bool:
    """Whether an edit takes lines, be it that their comments stay."""
    return not edit.text or line_start(text, edit.start) == edit.start
