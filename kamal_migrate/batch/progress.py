"""How far a campaign is: a bar on a terminal, a plain line for each repository in a pipe, or nothing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kamal_migrate.asking import Terminal
from kamal_migrate.batch.report.text import shown
from kamal_migrate.batch.row import Row
from kamal_migrate.report.lines import Line

Tick = Callable[[Row], None]


@contextmanager
def progress(total: int, terminal: Terminal, *, quiet: bool) -> Iterator[Tick]:
    """Gives what is called with each repository as it is done."""
    if quiet or not total:
        yield lambda row: None
    elif terminal.ask is not None and sys.stderr.isatty():
        with _bar(total) as tick:
            yield tick
    else:
        yield _plain(total, terminal)


def _plain(total: int, terminal: Terminal) -> Tick:
    count = 0

    def tick(row: Row) -> None:
        nonlocal count
        count += 1
        terminal.lines([Line(f"[{count}/{total}] {shown(row)}: {row.said}", "dim")])

    return tick


@contextmanager
def _bar(total: int) -> Iterator[Tick]:
    """A bar with the time left and the repository in hand; below it how many there are of each outcome."""
    from rich.console import Console, RenderableType
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    seen: Counter[str] = Counter()

    class Bar(Progress):
        """The bar; what is below it is cut off where the terminal ends, as lines would not be taken away."""

        def get_renderables(self) -> Iterator[RenderableType]:
            yield from super().get_renderables()
            counted = ", ".join(f"{count} {name}" for name, count in seen.most_common())
            yield Text(counted, no_wrap=True, overflow="ellipsis")

    columns = (
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.description}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)

        def tick(row: Row) -> None:
            seen[row.said] += 1
            bar.update(task, advance=1, description=escape(shown(row)[-24:]))

        yield tick
