"""The causes as data, those first that are the root of others: what fails earlier is why the rest fails."""

from kamal_migrate.diagnosing.causes.building import BUILDING
from kamal_migrate.diagnosing.causes.calling import CALLING
from kamal_migrate.diagnosing.causes.refusing import REFUSING
from kamal_migrate.diagnosing.causes.serving import SERVING

CAUSES = (*CALLING, *REFUSING, *BUILDING, *SERVING)

__all__ = ["CAUSES"]
