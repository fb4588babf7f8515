"""The jobs of GitHub's workflows: the machines they run on, what they run, and the actions they use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.loading import plain
from kamal_migrate.project import InputError, document


class Job(NamedTuple):
    """A job: its name, what ``runs-on`` says, and its steps as they are written."""

    name: str
    runner: object
    steps: tuple[dict[str, object], ...]

    @property
    def scripts(self) -> list[str]:
        """What its steps run."""
        return [text for step in self.steps if isinstance(text := step.get("run"), str)]

    def uses(self, action: str) -> Iterator[dict[str, object]]:
        """What an action is told ``with``, for each step that uses it in any version."""
        for step in self.steps:
            told = step.get("with")
            if str(step.get("uses")).partition("@")[0] == action:
                yield told if isinstance(told, dict) else {}


def jobs(path: str, text: str) -> Iterator[Job]:
    """The jobs of a workflow, and the steps of an action of one's own as one; none of what is no YAML."""
    try:
        workflow = plain(document(path, text).docs[0].effective)
    except InputError:
        return
    said = workflow if isinstance(workflow, dict) else {}
    named = said.get("jobs")
    for name, job in {**(named if isinstance(named, dict) else {}), "runs": said.get("runs")}.items():
        if isinstance(job, dict):
            steps = job.get("steps")
            found = (step for step in steps if isinstance(step, dict)) if isinstance(steps, list) else ()
            yield Job(str(name), job.get("runs-on"), tuple(found))
