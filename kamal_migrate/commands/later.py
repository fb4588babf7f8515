"""The commands beside the main one: each is loaded when it is run, or named in the help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from kamal_migrate.asking import Terminal
from kamal_migrate.console import asker, printer, verbatim

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


class _AsTyped:
    """Gives a word as it was typed. typer 0.29 would load pydantic to check that a word is a word."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        return () if value is None and (param.multiple or param.nargs == -1) else value


def _plain(params: list[Any]) -> list[Any]:
    for param in params:
        if getattr(param, "_runtime_param", param) is None:
            param._runtime_param = _AsTyped()
        if param.param_type_name == "argument":
            param.display_type_rich = lambda ctx: ""  # It would say <list[str]> behind the name.
    return params


class Group(TyperGroup):
    """The commands; what is not needed to run one of them is not loaded for it."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *_LATER]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        later = _LATER.get(cmd_name)
        return typer.main.get_command(later()) if later else super().get_command(ctx, cmd_name)


class Command(TyperCommand):
    """A command whose words are taken as they were typed."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))


def _batch() -> typer.Typer:
    from kamal_migrate.commands.batch import group

    return group(_terminal, Command)


def _check() -> typer.Typer:
    from kamal_migrate.commands.check import command

    return _alone("check", command(printer, verbatim))


def _diagnose() -> typer.Typer:
    from kamal_migrate.commands.diagnose import command

    return _alone("diagnose", command(printer, verbatim))


def _hosts() -> typer.Typer:
    from kamal_migrate.commands.hosts import command

    return _alone("hosts", command(printer, verbatim), help_option_names=["--help"])


def _schema() -> typer.Typer:
    from kamal_migrate.commands.schema import command

    return _alone("schema", command(verbatim))


def _steps() -> typer.Typer:
    from kamal_migrate.commands.steps import command

    return _alone("steps", command(printer, verbatim))


_LATER: dict[str, Callable[[], typer.Typer]] = {
    "check": _check,
    "steps": _steps,
    "hosts": _hosts,
    "diagnose": _diagnose,
    "schema": _schema,
    "batch": _batch,
}


def _alone(name: str, function: Callable[..., None], **settings: Any) -> typer.Typer:
    """One command by itself."""
    found = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    found.command(name, cls=Command, context_settings={**CONTEXT, **settings})(function)
    return found


def _terminal(color: str) -> Terminal:
    return Terminal(printer(color), verbatim, asker())
