"""The engine: `plan` asks the codemods, places what they want, edits, and proves."""

from kamal_migrate.engine.planned import Location, Planned
from kamal_migrate.engine.planning import Plan, options_for, plan

__all__ = ["Location", "Plan", "Planned", "options_for", "plan"]
