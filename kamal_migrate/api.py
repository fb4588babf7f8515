"""All that a codemod may import: what it is asked with, and what it answers.

A codemod is a module with a docstring (its documentation), a declaration ``CODEMOD`` and one or both of two
functions. ``decide(view, options) -> Iterator[Finding]`` is asked of every view and speaks of keys; it sees
what Kamal sees, never a file, a span or an edit. ``decide_app(app, options) -> Iterator[Finding]`` is asked
once for a folder in which Kamal is run, and speaks of the files beside the configs: secrets, hooks, CI.
"""

from __future__ import annotations

from kamal_migrate.findings import (
    MOVED,
    Becomes,
    Codemod,
    Come,
    Create,
    Extend,
    FileChange,
    Finding,
    Fix,
    Options,
    Rename,
    Reword,
    Safety,
    source_of,
)
from kamal_migrate.kamal.accessory_routes import AccessoryRoute, accessory_routes
from kamal_migrate.kamal.app import App
from kamal_migrate.kamal.builds import built_for, cache_for
from kamal_migrate.kamal.commands import Gone, command_fate, passes_over_unknown
from kamal_migrate.kamal.dating import speaks_kamal_2
from kamal_migrate.kamal.durations import whole_seconds
from kamal_migrate.kamal.envfiles import EnvFiles, read_by_configs
from kamal_migrate.kamal.evidence import BOTH, Evidence, architecture, place
from kamal_migrate.kamal.hooks import (
    HOOK_VARIABLES,
    HOOKS,
    OLD_HOOKS,
    hooks,
    hooks_paths,
    told_callers,
    unfed_hooks,
)
from kamal_migrate.kamal.host_names import hosts_of, mixed_hosts, proxied_together, proxy_maps
from kamal_migrate.kamal.keys import Refused, refused
from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.nodes import Explicit, explicit, in_force, otherwise_in_1_9
from kamal_migrate.kamal.pins import (
    GEMFILE,
    LOCK,
    VersionPin,
    contradicting_pins,
    installing,
    pin_text,
    version_pins,
)
from kamal_migrate.kamal.proxied import first_of_traefik
from kamal_migrate.kamal.proxying import Fronting, fronting
from kamal_migrate.kamal.retyping import hosts_by_variable, retyped
from kamal_migrate.kamal.routing import Left, NewKey
from kamal_migrate.kamal.scripts import ScriptLine, kamal_calls, script_lines
from kamal_migrate.kamal.secretfiles import (
    SecretFile,
    SecretLoad,
    exported_names,
    kept_out,
    placed_secrets,
    secret_lines,
    secret_loads,
    unknown_secrets,
)
from kamal_migrate.kamal.secrets import is_name, lines_for_ruby
from kamal_migrate.kamal.strictness import (
    Misfit,
    Stray,
    doubled,
    false_is_passed,
    falses,
    misfits,
    strays,
)
from kamal_migrate.kamal.traefik_reasons import IN_FRONT
from kamal_migrate.kamal.versions import Version, parse
from kamal_migrate.project import may_hold_secrets
from kamal_migrate.yamldoc import Data, Path

__all__ = [
    "BOTH",
    "GEMFILE",
    "HOOKS",
    "HOOK_VARIABLES",
    "IN_FRONT",
    "LOCK",
    "MOVED",
    "OLD_HOOKS",
    "AccessoryRoute",
    "App",
    "Becomes",
    "Codemod",
    "Come",
    "Create",
    "Data",
    "EnvFiles",
    "Evidence",
    "Explicit",
    "Extend",
    "FileChange",
    "Finding",
    "Fix",
    "Fronting",
    "Gone",
    "Left",
    "Misfit",
    "NewKey",
    "Opaque",
    "Options",
    "Path",
    "Refused",
    "Rename",
    "Reword",
    "Safety",
    "ScriptLine",
    "SecretFile",
    "SecretLoad",
    "Stray",
    "Version",
    "VersionPin",
    "View",
    "accessory_routes",
    "architecture",
    "built_for",
    "cache_for",
    "command_fate",
    "contradicting_pins",
    "doubled",
    "explicit",
    "exported_names",
    "false_is_passed",
    "falses",
    "first_of_traefik",
    "fronting",
    "hooks",
    "hooks_paths",
    "hosts_by_variable",
    "hosts_of",
    "in_force",
    "installing",
    "is_name",
    "kamal_calls",
    "kept_out",
    "lines_for_ruby",
    "may_hold_secrets",
    "misfits",
    "mixed_hosts",
    "otherwise_in_1_9",
    "parse",
    "passes_over_unknown",
    "pin_text",
    "place",
    "placed_secrets",
    "proxied_together",
    "proxy_maps",
    "read_by_configs",
    "refused",
    "retyped",
    "script_lines",
    "secret_lines",
    "secret_loads",
    "source_of",
    "speaks_kamal_2",
    "strays",
    "told_callers",
    "unfed_hooks",
    "unknown_secrets",
    "version_pins",
    "whole_seconds",
]
