"""Standard input and output: prints text, plain or in colour, and asks on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from kamal_migrate.masking import mask
from kamal_migrate.report.terminal import Line, printable
from kamal_migrate.settings import choice

STYLES = {
    "head": "bold", "title": "bold", "old": "red", "new": "green", "hunk": "cyan", "dim": "dim",
    "safe": "bold green", "review": "bold", "assumed": "bold magenta", "manual": "bold red",
}  # fmt: skip


class Closed(Exception):
    """Nobody reads what is printed."""


class CannotPrint(Exception):
    """Standard output takes no more, such as a file on a full disk."""


def is_terminal(stream: Any) -> bool:
    """Whether someone sits at a stream."""
    return stream is not None and not stream.closed and stream.isatty()


def asker() -> Callable[[str], str | None] | None:
    """How to ask a question, where someone can answer; an answer that never comes is None."""
    return _ask if is_terminal(sys.stdin) and is_terminal(sys.stdout) else None


def _ask(question: str) -> str | None:
    """The answer; None where the input ends."""
    verbatim(printable(question))
    try:
        answer = sys.stdin.buffer.readline()
    except KeyboardInterrupt:
        verbatim("\nNothing written.\n")
        raise
    if not answer:
        verbatim("\n")
    return answer.decode("utf-8", "replace") or None


def verbatim(text: str) -> None:
    """Print a text as it is. Raises `Closed` and `CannotPrint`."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise Closed from error
    except OSError as error:
        raise CannotPrint(f"standard output: cannot be written: {error.strerror}") from error


def shown(text: str) -> None:
    """A patch on a terminal: to be read, so nothing in it may steer the terminal."""
    _print_plain(Line(line) for line in text.removesuffix("\n").split("\n") if text)


def printer(color: str) -> Callable[[Iterable[Line]], None]:
    """How to print lines: in colour on a terminal, unless NO_COLOR says otherwise."""
    choice("--color", color, ("auto", "always", "never"))
    dull = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    coloured = color == "always" or (color == "auto" and is_terminal(sys.stdout) and not dull)
    return _print_coloured if coloured else _print_plain


def _print_plain(lines: Iterable[Line]) -> None:
    verbatim("".join(f"{printable(line.text)}\n" for line in lines))


def _print_coloured(lines: Iterable[Line]) -> None:
    from io import StringIO

    from rich.console import Console
    from rich.text import Text

    out = StringIO()
    console = Console(file=out, force_terminal=True, color_system="standard", no_color=False, soft_wrap=True)
    for line in lines:
        console.print(Text(printable(line.text), STYLES.get(line.style, "")))
    verbatim(out.getvalue())


def kept_from_printing() -> CannotPrint | None:
    """Why standard output does not take what others printed, such as the help; None where it does."""
    try:
        verbatim("")
    except CannotPrint as error:
        return error
    return None


def print_no_more() -> None:
    """Let Python's last flush of what could not be printed succeed, for its failure changes the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(*lines: str, code: int, hide: Callable[[str], str] = mask) -> int:
    """Say on standard error what is wrong, without what ``hide`` masks; the exit code ``code``."""
    with suppress(OSError):  # The exit code tells even where standard error takes nothing.
        for line in lines if sys.stderr else ():
            print(printable(hide(line)).replace("\t", "\\t"), file=sys.stderr, flush=True)
    return code
