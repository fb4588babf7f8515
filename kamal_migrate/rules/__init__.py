"""Rules: what Kamal takes, and what migrates badly or deploys wrongly all the same."""

from __future__ import annotations

from kamal_migrate.rules import builder, doubled, hosts, literals, roles, secrets, versions
from kamal_migrate.rules.rule import Remark, Rule, Severity, Subject

__all__ = ["RULES", "Remark", "Rule", "Severity", "Subject"]

_MODULES = (builder, hosts, roles, versions, secrets, literals, doubled)
RULES: tuple[Rule, ...] = tuple(
    value for module in _MODULES for value in vars(module).values() if isinstance(value, Rule)
)
