"""The steps after all servers are upgraded, and the way back."""

from __future__ import annotations

from kamal_migrate.kamal.destinations import old_builders
from kamal_migrate.kamal.steps.case import Case, Step


def builders(case: Case) -> Step:
    """Old builders stay, and the one that Kamal 1 selected stays selected."""
    builders: list[str] = []
    contexts: list[str] = []
    for view in case.original.views:
        if view.config.base == case.config.base:
            made, used = old_builders(view, case.source)
            builders += [name for name in made if name not in builders]
            contexts += [name for name in used if name not in contexts]
    removing = [f"docker buildx rm {name}" for name in builders]
    removing += [f"docker context rm {name}" for name in contexts]
    why = "Kamal 1 left its builders on each machine that builds, and one of them selected."
    notes = () if removing else ("those of Kamal 1 are called kamal-… or mrsk-… and the name of the service",)
    commands = ("docker buildx use default", "docker buildx ls", *removing)
    return Step("builders", "Clean up old builders", why, commands, None, notes)


def back(case: Case) -> Step:
    """The way back."""
    commands = [] if not case.program.bundled else ["bundle install"]
    for one in case.destinations:
        rolling = " --rolling" if len(one.hosts) > 1 else ""
        commands.append(case.line(f"downgrade{rolling}", one, by=case.old))
    notes = ["with the files that Kamal 1.9 deployed, Gemfile.lock among them: see git log"]
    warnings = ["it takes the servers down as the upgrade did"]
    apart = {name: hosts for one in case.destinations for name, hosts in one.apart.items()}
    for name, hosts in apart.items():
        warnings.append(
            f"1.9 passes over {', '.join(hosts)}, where only {name} runs: kamal accessory reboot {name}"
        )
    why = "Not a step, unless something is wrong: Kamal 1.9 brings Traefik back. Both ways can be repeated."
    title = "The way back"
    return Step("back", title, why, tuple(commands), None, tuple(notes), tuple(warnings))
