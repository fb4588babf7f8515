"""Kamal's commands by version, as far as scripts call ones that came, went or got another name.

Read from the commands of every tag of basecamp/kamal (history H).
"""

from __future__ import annotations

from typing import NamedTuple

from kamal_migrate.kamal.versions import LAST_RELEASES, Version

FIRST_2 = Version(2)
# These print that they do not know a command, and end with 0 (``exit_on_failure?`` in ``cli/base.rb``).
SILENT = (Version(2), Version(2, 4, 99))


class Command(NamedTuple):
    """A command, or a group of them: the words after ``kamal``, in which versions there is one, and what
    takes its place.

    ``until`` is the last version that has it; ``instead`` what to call from then on, or what to do.
    ``deprecated`` is the version from which it only warns.
    """

    words: tuple[str, ...]
    since: Version
    until: Version
    instead: str
    deprecated: Version | None = None

    @property
    def name(self) -> str:
        """As people call it: ``env push``."""
        return " ".join(self.words)


class Gone(NamedTuple):
    """A command or flag that a version does not have, and what to do instead.

    ``since`` is the version without it; ``deprecated`` says that it works there, and warns.
    """

    name: str
    since: Version
    instead: str
    deprecated: bool = False


_SECRETS = "delete the call: secrets come from .kamal/secrets"
_AT_BOOT = "delete the call: Kamal 2 writes the env files at every boot"
_TRAEFIK = (
    *((verb, Version(0, 1)) for verb in ("boot", "details", "logs", "remove", "restart", "start", "stop")),
    *((verb, Version(0, 2)) for verb in ("reboot", "remove_container", "remove_image")),
)
_OLDER = Version(0, 5, 1)

COMMANDS = (
    Command(("install",), Version(0, 1), _OLDER, "`kamal init`"),
    Command(("app", "bash"), Version(0, 2), Version(0, 4), "`kamal app exec -i --reuse bash`"),
    Command(("app", "console"), Version(0, 1), Version(0, 4), "`kamal app exec -i --reuse` with its command"),
    Command(("app", "runner"), Version(0, 1), Version(0, 4), "`kamal app exec` with its command"),
    Command(("app", "current"), Version(0, 2), _OLDER, "`kamal app version` or `kamal app details`"),
    Command(("app", "current_version"), Version(0, 5), Version(0, 7, 2), "`kamal app version`"),
    Command(("accessory", "bash"), Version(0, 3), Version(0, 4), "`kamal accessory exec NAME -i bash`"),
    Command(("broadcast",), Version(0, 12, 1), Version(0, 12, 1), "say it in a hook, such as post-deploy"),
    Command(("healthcheck",), Version(0, 7), Version(1, 5, 2), "delete the call: deploying checks it"),
    Command(("envify",), Version(0, 6), Version(1, 9, 3), _SECRETS),
    Command(("env", "push"), Version(1), Version(1, 9, 3), _AT_BOOT),
    Command(("env", "delete"), Version(1), Version(1, 9, 3), _AT_BOOT),
    *(
        Command(("traefik", verb), since, Version(1, 9, 3), f"`kamal proxy {verb}`")
        for verb, since in _TRAEFIK
    ),
    Command(("traefik",), Version(0, 1), Version(1, 9, 3), "`kamal proxy`"),
    Command(("downgrade",), Version(1, 9), Version(1, 9, 3), "`kamal upgrade`, for 1.9 alone goes back"),
    Command(("accessory", "downgrade"), Version(1, 9), Version(1, 9, 3), "`kamal accessory upgrade`"),
    Command(
        ("app", "remove_app_directory"), FIRST_2, Version(2, 5, 3), "`kamal app remove_app_directories`"
    ),
    Command(
        ("proxy", "boot_config"), FIRST_2, Version(99), "`proxy.run` in the config",
        deprecated=Version(2, 10),
    ),
)  # fmt: skip

# Missing in two versions, and back (#1675).
MISSING = (
    (("registry", "login"), Version(2, 8), Version(2, 8, 1), "`kamal registry setup`, or Kamal 2.8.2"),
    (("registry", "logout"), Version(2, 8), Version(2, 8, 1), "`kamal registry remove`, or Kamal 2.8.2"),
)  # fmt: skip

# Flags that went: with the commands they belong to, or all of them.
FLAGS: tuple[tuple[tuple[str, ...], frozenset[str], Version, str], ...] = (
    ((), frozenset({"-B", "--skip-broadcast"}), Version(0, 12, 1), "`-H`, which skips hooks"),
    (
        ("app", "exec"),
        frozenset({"--method", "--run", "--once"}),
        Version(0, 4),
        "`-i` for a terminal, `--reuse` for the running container",
    ),
    (("proxy", "logs"), frozenset({"--grep-options"}), Version(1, 9, 3), "`--grep` alone"),
)
# Flags of every command that take a value, in any version.
VALUED = frozenset(
    {
        *("-c", "--config-file", "-d", "--destination", "-h", "--hosts", "-r", "--roles", "--version"),
        *("--lock-wait-timeout", "--lock-wait-interval"),
    }
)


def command_fate(words: tuple[str, ...], flags: frozenset[str], target: Version) -> Gone | None:
    """What became of a call in a version: None where it works as it always did.

    ``words`` are those after ``kamal`` that are no flags; what follows the command is left out of account.
    """
    for command in COMMANDS:
        if words[: len(command.words)] == command.words:
            if target > command.until:
                return Gone(f"kamal {command.name}", _after(command.until), command.instead)
            if command.deprecated and target >= command.deprecated:
                return Gone(f"kamal {command.name}", command.deprecated, command.instead, deprecated=True)
    for missing, since, until, instead in MISSING:
        if words[: len(missing)] == missing and since <= target <= until:
            return Gone(f"kamal {' '.join(missing)}", since, instead)
    for owner, gone, until, instead in FLAGS:
        found = sorted(flags & gone)
        if found and words[: len(owner)] == owner and target > until:
            return Gone(found[0], _after(until), instead)
    return None


def passes_over_unknown(target: Version) -> bool:
    """Whether a version ends with 0 on a command that it does not know, so that a script goes on."""
    return SILENT[0] <= target <= SILENT[1]


def _after(until: Version) -> Version:
    """The first release without something that another was the last to have."""
    later = next(release for release in LAST_RELEASES if release > until)
    return Version(later.major, later.minor)
