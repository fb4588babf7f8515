"""Why a run failed, by its log: `diagnose` finds the known causes, `remarks` looks for them in an app."""

from kamal_migrate.diagnosing.cause import Cause, Hint, Sign, Way
from kamal_migrate.diagnosing.causes import CAUSES
from kamal_migrate.diagnosing.scanning import Diagnosis, Evidence, Found, diagnose

__all__ = ["CAUSES", "Cause", "Diagnosis", "Evidence", "Found", "Hint", "Sign", "Way", "diagnose"]
