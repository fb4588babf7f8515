"""A JSON Schema of ``deploy.yml`` for one version of Kamal, for editors and for checks without this program.

Draft 7, for that is what the YAML language server reads. A schema tells of keys, of types and of what stands
together in one file. What is found by counting or comparing only `faults` tells: hosts that two roles share,
names of roles, the order of versions, what a role's settings are once they are merged with the root's.
"""

from __future__ import annotations

from kamal_migrate.kamal.schema.complete import NEVER_ALONE, complete
from kamal_migrate.kamal.schema.early import early
from kamal_migrate.kamal.schema.kinds import Schema
from kamal_migrate.kamal.schema.shape import shape
from kamal_migrate.kamal.validation import STRICT_SINCE
from kamal_migrate.kamal.versions import Version

DRAFT = "http://json-schema.org/draft-07/schema#"


def schema(version: Version, *, destination: bool = False) -> Schema:
    """The schema of a main config, or of a destination's file, where nothing is required.

    ``version`` is a release from 0.16.1 to the newest of the key table.
    """
    is_early = version < STRICT_SINCE
    keys, needs = early(version) if is_early else (shape(version), complete(version))
    file = "config/deploy.DESTINATION.yml" if destination else "config/deploy.yml"
    head = {"$schema": DRAFT, "title": f"{file} of Kamal {version.short}"}
    return {**head, **keys} if destination else {**head, **keys, "if": NEVER_ALONE, "else": needs}
