"""What Kamal would do with one view: plain data of one form for Kamal 1 and 2, made to be compared.

Two configs that deploy the same have equal data, although another version reads each. So it holds what a
config decides, in normal forms, and nothing in which the versions differ by themselves: the network of
Kamal 2, the image of the proxy, the paths of environment files. None is what the config does not say.
"""

from __future__ import annotations

from kamal_migrate.kamal.builds import build_plan
from kamal_migrate.kamal.builds import words as build_words
from kamal_migrate.kamal.deployment.accessories import accessory
from kamal_migrate.kamal.deployment.container import proxy_container
from kamal_migrate.kamal.deployment.naming import part_words, unsaid, words
from kamal_migrate.kamal.deployment.reading import mapping, settings
from kamal_migrate.kamal.deployment.roles import described, roles
from kamal_migrate.kamal.deployment.root import registry, root
from kamal_migrate.kamal.loading import View
from kamal_migrate.kamal.versions import Version

__all__ = ["deployment", "part_words", "unsaid", "words"]


def deployment(view: View, version: Version) -> dict[str, object]:
    """The deployment of a view under a version of Kamal.

    ERB is its source text; what has a wrong shape counts as empty.
    """
    config = settings(view, version)
    found = roles(config, version)
    return {
        "roles": {role.name: described(view, config, role, version) for role in found},
        "accessories": {
            name: accessory(config, name, mapping(own), found, version)
            for name, own in mapping(config.get("accessories")).items()
        },
        "registry": registry(config),
        "build": build_words(build_plan(view, version)),
        "proxy_container": proxy_container(config, found, version),
        "root": root(config, found, version),
    }
