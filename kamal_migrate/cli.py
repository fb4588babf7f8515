"""The command line: options in, one call, print, exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import typer

from kamal_migrate import __version__, session
from kamal_migrate.asking import Terminal
from kamal_migrate.catalog import CatalogError, catalog
from kamal_migrate.commands.later import CONTEXT, Command, Group
from kamal_migrate.commands.options import (
    Arch,
    Cache,
    Codemods,
    Color,
    Configs,
    Destination,
    Folder,
    Form,
    From,
    Ignore,
    Inventory,
    KeepComments,
    Preserve,
    SafeOnly,
    Select,
    To,
    flag,
    refuse,
)
from kamal_migrate.console import (
    CannotPrint,
    Closed,
    asker,
    complain,
    is_terminal,
    kept_from_printing,
    print_no_more,
    printer,
    shown,
    verbatim,
)
from kamal_migrate.disk import WriteError
from kamal_migrate.engine.proofs import ProofError
from kamal_migrate.kamal.versions import parse
from kamal_migrate.masking import mask_message
from kamal_migrate.project import InputError
from kamal_migrate.request import Request, UsageError
from kamal_migrate.session import REFUSED, UNUSABLE
from kamal_migrate.settings import ARCHITECTURES, CACHES, SettingsError, choice, target
from kamal_migrate.transaction import Stopped
from kamal_migrate.verifying import CannotVerify, KamalRefuses

NAME = "kamal-migrate"
EXIT_CODES = """\b
Exit codes:
  0  nothing to do, all done or previewed, or you said no
  1  only with --exit-code: something would change
  2  wrong usage, no config, a file that cannot be read or written,
     or no terminal to ask on and no --yes
  3  something is manual or assumed
  4  refused by verification, or a bug
--dry-run ends with the code that the real run would have.
"""


app = typer.Typer(
    name=NAME,
    cls=Group,
    help="Rewrites legacy Kamal and MRSK configs, and moves nothing but what has to change.",
    epilog=EXIT_CODES,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)


def _version(wanted: bool) -> None:
    if wanted:
        verbatim(f"{NAME} {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    folder: Folder = ".",
    configs: Configs = None,
    destination: Destination = None,
    dry_run: Annotated[bool, flag("--dry-run", "Show everything, ask and write nothing.")] = False,
    diff: Annotated[bool, flag("--diff", "Print only a patch for git apply, and write nothing.")] = False,
    exit_code: Annotated[
        bool, flag("--exit-code", "With one of these two: 1 if anything would change.")
    ] = False,
    yes: Annotated[bool, flag("--yes -y", "Write without asking.")] = False,
    interactive: Annotated[bool, flag("--interactive -i", "Ask for each change.")] = False,
    safe_only: SafeOnly = False,
    to: To = None,
    source: From = None,
    arch: Arch = None,
    inventory: Inventory = None,
    cache: Cache = None,
    preserve: Preserve = False,
    keep_comments: KeepComments = False,
    select: Select = None,
    ignore: Ignore = None,
    allow_dirty: Annotated[
        bool, flag("--allow-dirty", "With --yes: write over uncommitted changes.")
    ] = False,
    secrets_from_env_file: Annotated[
        bool, flag("--secrets-from-env-file", "Copy values of .env to secrets that git ignores.")
    ] = False,
    verify_with_kamal: Annotated[
        bool, flag("--verify-with-kamal", "Let the installed Kamal load it; runs the config's Ruby.")
    ] = False,
    codemods: Codemods = None,
    form: Form = "text",
    color: Color = "auto",
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Migrate the app in this folder: show what changes and why, ask, and write."""
    if context.invoked_subcommand:
        return _nothing_before(context, context.invoked_subcommand)
    refuse(destination)
    source_version = parse(source) if source is not None else None
    if source is not None and source_version is None:
        raise UsageError(f"--from: `{source}` is no version")
    request = Request(
        folder=Path(folder),
        configs=tuple(configs or ()),
        codemods=_path(codemods),
        to=target(to) if to is not None else None,
        source=source_version,
        arch=_choice("--arch", arch, ARCHITECTURES),
        cache=_choice("--cache", cache, CACHES),
        preserve=preserve,
        keep_comments=keep_comments,
        select=tuple(select or ()),
        ignore=tuple(ignore or ()),
        safe_only=safe_only,
        interactive=interactive,
        dry_run=dry_run,
        exit_code=exit_code,
        diff=diff,
        json=choice("--format", form, ("text", "json")) == "json",
        yes=yes,
        secrets_from_env_file=secrets_from_env_file,
        allow_dirty=allow_dirty,
        verify_with_kamal=verify_with_kamal,
        inventory=_path(inventory),
    )
    terminal = Terminal(printer(color), shown if diff and is_terminal(sys.stdout) else verbatim, asker())
    raise typer.Exit(session.run(request, terminal))


def _nothing_before(context: typer.Context, command: str) -> None:
    """Refuse options that stand before a command: it would not see them, and look at another app, say."""
    for param in context.command.params:
        source = context.get_parameter_source(param.name or "")
        if source and source.name == "COMMANDLINE":
            raise UsageError(
                f"`{command}` does not see {param.opts[0]} before it; its options go behind it: "
                f"{NAME} {command} --help"
            )


def _choice(name: str, value: str | None, allowed: tuple[str, ...]) -> str | None:
    return None if value is None else choice(name, value, allowed)


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)


@app.command("list", cls=Command)
def list_codemods(
    codemods: Codemods = None,
    rules: Annotated[bool, flag("--rules", "The rules of check instead.")] = False,
) -> None:
    """The codemods, one a line; with --rules what check looks for."""
    if rules:
        from kamal_migrate.checking import REFUSED, UNKNOWN, title_of
        from kamal_migrate.rules import RULES

        own = [(REFUSED, "error", title_of(REFUSED)), (UNKNOWN, "note", title_of(UNKNOWN))]
        rows = [(rule.id, f"{rule.severity.value}{', off' * rule.off}", rule.title) for rule in RULES]
        _table([*own, *rows])
    else:
        _table([(codemod.id, codemod.declaration.title) for codemod in catalog(_path(codemods))])


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for *cells, last in rows:
        start = "".join(f"{cell:<{width}}  " for cell, width in zip(cells, widths, strict=True))
        first, *others = wrap(last, 80 - len(start))
        verbatim(f"{start}{first}\n" + "".join(f"{'':{len(start)}}{other}\n" for other in others))


@app.command(cls=Command)
def explain(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="A codemod, a finding, a rule or a cause, as it is named.")
    ],
    codemods: Codemods = None,
) -> None:
    """The whole story behind a codemod, a finding, a rule or a cause."""
    from kamal_migrate.checking import DOCUMENTATION, REFUSED
    from kamal_migrate.engine.validating import REFUSED as REFUSED_STILL
    from kamal_migrate.rules import RULES

    told = {REFUSED_STILL: DOCUMENTATION[REFUSED], **DOCUMENTATION}
    told.update((rule.id, rule.documentation) for rule in RULES)
    if name in told:
        return verbatim(told[name] + "\n")
    for codemod in catalog(_path(codemods)):
        if codemod.id == name.split("/")[0]:
            verbatim(codemod.documentation + "\n")
            return None
    from kamal_migrate.report.diagnosis import explanation

    if cause := explanation(name):
        return printer("auto")(cause)
    raise UsageError(
        f"there is no codemod, finding or rule `{name}`; see: kamal-migrate list, kamal-migrate list --rules"
    )


def run(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code. Every known failure is one line on standard error."""
    try:
        return app(arguments, prog_name=NAME, standalone_mode=False) or 0
    except typer.TyperException as error:
        message = error.format_message().removesuffix(".")
        asked = getattr(getattr(error, "ctx", None), "command_path", NAME)
        return complain(f"{message[:1].lower()}{message[1:]}; see: {asked} --help", code=UNUSABLE)
    except _known() as error:
        return complain(str(error), code=UNUSABLE, hide=mask_message)
    except ProofError as error:
        return complain(*_UNPROVED, *(f"  {row}" for row in error.differences), code=REFUSED)
    except KamalRefuses as error:
        return complain(*error.lines, code=REFUSED, hide=str)
    except Stopped as error:
        return complain(str(error), code=128 + error.number)
    except Closed:
        print_no_more()
        return 128 + 13
    except CannotPrint as error:
        return _fail_to_print(error)
    except Exception:
        if kept := kept_from_printing():
            return _fail_to_print(kept)
        if _is_nowhere():
            return complain("the current folder is gone; cd to one that is there", code=UNUSABLE)
        import traceback

        return complain(*traceback.format_exc().splitlines(), _BUG, code=REFUSED)


def _is_nowhere() -> bool:
    """Whether the current folder was deleted meanwhile."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _fail_to_print(error: CannotPrint) -> int:
    print_no_more()
    return complain(str(error), code=UNUSABLE)


def _known() -> tuple[type[Exception], ...]:
    """What says by itself what is wrong; what a batch raises, only where one was run."""
    names = {"places": "CampaignError", "sources": "SourceError", "calling": "GitError"}
    modules = ((sys.modules.get(f"kamal_migrate.batch.{module}"), name) for module, name in names.items())
    of_batch = [getattr(module, name) for module, name in modules if module]
    return (InputError, SettingsError, CatalogError, UsageError, WriteError, CannotVerify, *of_batch)


_UNPROVED = ("the result is not what was intended; nothing written:",)
_BUG = f"this is a bug of {NAME}; please report it with the lines above"
