"""The command line: options in, one call, print, exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from kamal_migrate import __version__, session
from kamal_migrate.asking import Terminal
from kamal_migrate.catalog import CatalogError, catalog
from kamal_migrate.commands.check import command as check_command
from kamal_migrate.commands.steps import command as steps_command
from kamal_migrate.console import Closed, asker, is_terminal, printer, shown, verbatim
from kamal_migrate.disk import WriteError
from kamal_migrate.engine.proofs import ProofError
from kamal_migrate.kamal.versions import parse
from kamal_migrate.project import InputError
from kamal_migrate.report.masking import mask
from kamal_migrate.report.terminal import printable
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


class _AsTyped:
    """Gives a word as it was typed. typer 0.29 would load pydantic to check that a word is a word."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        return () if value is None and (param.multiple or param.nargs == -1) else value


def _plain(params: list[Any]) -> list[Any]:
    for param in params:
        if getattr(param, "_runtime_param", param) is None:
            param._runtime_param = _AsTyped()
    return params


class _Group(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))


class _Command(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))


app = typer.Typer(
    name=NAME,
    cls=_Group,
    help="Rewrites legacy Kamal and MRSK configs, and moves nothing but what has to change.",
    epilog=EXIT_CODES,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


def _version(wanted: bool) -> None:
    if wanted:
        verbatim(f"{NAME} {__version__}\n")
        raise typer.Exit


def _flag(name: str, text: str) -> Any:
    return typer.Option(*name.split(), help=text)


def _word(name: str, stands_for: str, text: str) -> Any:
    return typer.Option(*name.split(), metavar=stands_for, show_default=False, help=text)


_Codemods = Annotated[str | None, _word("--codemods", "DIR", "A folder with codemods of your own.")]


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    folder: Annotated[str, _word("-C", "DIR", "The app's folder, if not this one.")] = ".",
    configs: Annotated[
        list[str] | None,
        _word("-c --config-file", "FILE", "A main config, as for Kamal; may be repeated."),
    ] = None,
    destination: Annotated[str | None, typer.Option("-d", "--destination", hidden=True)] = None,
    dry_run: Annotated[bool, _flag("--dry-run", "Show everything, ask and write nothing.")] = False,
    diff: Annotated[bool, _flag("--diff", "Print only a patch for git apply, and write nothing.")] = False,
    exit_code: Annotated[
        bool, _flag("--exit-code", "With one of these two: 1 if anything would change.")
    ] = False,
    yes: Annotated[bool, _flag("--yes -y", "Write without asking.")] = False,
    interactive: Annotated[bool, _flag("--interactive -i", "Ask for each change.")] = False,
    safe_only: Annotated[bool, _flag("--safe-only", "Only what Kamal does the same as before.")] = False,
    to: Annotated[str | None, _word("--to", "VERSION", "The Kamal to migrate to: 1.9, or a 2.x.")] = None,
    source: Annotated[str | None, _word("--from", "VERSION", "The Kamal that deploys it now.")] = None,
    arch: Annotated[
        str | None, _word("--arch", "ARCH", "What the servers run: amd64, arm64 or both.")
    ] = None,
    cache: Annotated[
        str | None, _word("--cache", "KIND", "The cache to add: registry, plain, gha or none.")
    ] = None,
    preserve: Annotated[bool, _flag("--preserve", "Keep what Kamal 1 really did.")] = False,
    keep_comments: Annotated[bool, _flag("--keep-comments", "Keep comments of what goes.")] = False,
    select: Annotated[list[str] | None, _word("--select", "ID", "Only these; may be repeated.")] = None,
    ignore: Annotated[list[str] | None, _word("--ignore", "ID", "All but these; may be repeated.")] = None,
    allow_dirty: Annotated[
        bool, _flag("--allow-dirty", "With --yes: write over uncommitted changes.")
    ] = False,
    secrets_from_env_file: Annotated[
        bool, _flag("--secrets-from-env-file", "Copy values of .env to secrets that git ignores.")
    ] = False,
    verify_with_kamal: Annotated[
        bool, _flag("--verify-with-kamal", "Let the installed Kamal load it; runs the config's Ruby.")
    ] = False,
    codemods: _Codemods = None,
    form: Annotated[str, _word("--format", "FORM", "text, or json with secrets masked.")] = "text",
    color: Annotated[str, _word("--color", "WHEN", "auto, always or never.")] = "auto",
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Migrate the app in this folder: show what changes and why, ask, and write."""
    if context.invoked_subcommand:
        return
    if destination is not None:
        raise UsageError("there is no -d: every destination is always included")
    source_version = parse(source) if source is not None else None
    if source is not None and source_version is None:
        raise UsageError(f"--from: `{source}` is no version")
    request = Request(
        folder=Path(folder),
        configs=tuple(configs or ()),
        codemods=_folder(codemods),
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
    )
    terminal = Terminal(printer(color), shown if diff and is_terminal(sys.stdout) else verbatim, asker())
    raise typer.Exit(session.run(request, terminal))


def _choice(name: str, value: str | None, allowed: tuple[str, ...]) -> str | None:
    return None if value is None else choice(name, value, allowed)


def _folder(name: str | None) -> Path | None:
    return None if name is None else Path(name)


@app.command("list", cls=_Command)
def list_codemods(codemods: _Codemods = None) -> None:
    """The codemods, one a line."""
    found = catalog(_folder(codemods))
    column = max((len(codemod.id) for codemod in found), default=0) + 2
    for codemod in found:
        verbatim(f"{codemod.id:<{column}}{codemod.declaration.title}\n")


@app.command(cls=_Command)
def explain(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="A codemod or a finding, as the preview names it.")
    ],
    codemods: _Codemods = None,
) -> None:
    """Why a codemod does what it does, and what is left to you."""
    for codemod in catalog(_folder(codemods)):
        if codemod.id == name.split("/")[0]:
            verbatim(codemod.documentation + "\n")
            return
    raise UsageError(f"there is no codemod `{name}`; see: kamal-migrate list")


app.command("check", cls=_Command)(check_command(printer, verbatim))
app.command("steps", cls=_Command)(steps_command(printer, verbatim))


def run(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code. Every known failure is one line on standard error."""
    try:
        return app(arguments, prog_name=NAME, standalone_mode=False) or 0
    except typer.TyperException as error:
        message = error.format_message().removesuffix(".")
        return _fail(f"{message[:1].lower()}{message[1:]}; see: {NAME} --help", code=UNUSABLE)
    except (InputError, SettingsError, CatalogError, UsageError, WriteError, CannotVerify) as error:
        return _fail(str(error), code=UNUSABLE)
    except ProofError as error:
        return _fail(*_UNPROVED, *(f"  {row}" for row in error.differences), code=REFUSED)
    except KamalRefuses as error:
        return _fail(*error.lines, code=REFUSED, hide=str)
    except Stopped as error:
        return _fail(str(error), code=128 + error.number)
    except Closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13
    except Exception:
        import traceback

        return _fail(*traceback.format_exc().splitlines(), _BUG, code=REFUSED)


_UNPROVED = ("the result is not what was intended; nothing written:",)
_BUG = f"this is a bug of {NAME}; please report it with the lines above"


def _fail(*lines: str, code: int, hide: Callable[[str], str] = mask) -> int:
    for line in lines:
        print(printable(hide(line)).replace("\t", "\\t"), file=sys.stderr)
    return code
