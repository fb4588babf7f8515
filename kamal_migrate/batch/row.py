"""A repository of a campaign: what it is, what is to be done in it, and how far that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from kamal_migrate.batch.work import Outcome
from kamal_migrate.masking import mask_message


class Stage(Enum):
    """How far a repository has come."""

    WAITING = "waiting"
    PLANNED = "planned"
    WRITTEN = "written"
    COMMITTED = "committed"
    PUSHED = "pushed"
    UNDONE = "undone"


TO_MIGRATE = "to migrate"
SAID = (TO_MIGRATE, *(outcome.value for outcome in Outcome), Stage.WAITING.value)


@dataclass(frozen=True)
class Row:
    """A repository of a campaign.

    ``source`` is its path or URL, ``kind`` what it is (see `sources`), ``input`` a fingerprint of what was
    planned from, ``base`` the commit and ``trunk`` the branch that it was planned on, ``made`` the commit
    that the campaign made on ``branch``, ``pushed`` the one that the remote has, ``link`` where a pull
    request is opened. ``written`` tells that the files are in the working tree, all of them; ``only_hands``
    that no file changes, and all is left for hands. ``remote`` tells those that are pushed to the same place.
    """

    source: str
    kind: str
    stage: Stage = Stage.WAITING
    outcome: Outcome | None = None
    reason: str = ""
    arch: bool = False
    input: str = ""
    base: str = ""
    trunk: str = ""
    branch: str = ""
    made: str = ""
    pushed: str = ""
    link: str = ""
    written: bool = False
    only_hands: bool = False
    remote: str = ""

    @property
    def name(self) -> str:
        """The source as people call it: its last two parts, without `.git` and who logs in with what."""
        place = re.sub(r"(?<=://)[^/]*@", "", self.source).rstrip("/").removesuffix(".git")
        parts = [part for part in re.split(r"[/:]", place) if part]
        return "/".join(parts[-2:]) or self.source

    def why(self, error: BaseException) -> str:
        """The reason that an error gives, secrets masked, without the name that stands before it anyway."""
        said = str(error)
        for name in (self.name.rpartition("/")[2], self.name):
            said = said.removeprefix(f"{name}: ")
        return mask_message(said)

    @property
    def is_done(self) -> bool:
        """Whether its files are written, committed or pushed."""
        return self.stage in (Stage.WRITTEN, Stage.COMMITTED, Stage.PUSHED)

    @property
    def has_branch(self) -> bool:
        """Whether the campaign made a branch there, or was about to."""
        return bool(self.made or self.branch)

    @property
    def said(self) -> str:
        """Its outcome in a word or two, by a constant of `SAID`: what is only planned is not done."""
        if self.outcome is Outcome.MIGRATED and not self.is_done:
            return TO_MIGRATE
        return self.outcome.value if self.outcome else Stage.WAITING.value

    @property
    def became(self) -> str:
        """How far it is: what was made, where."""
        if self.stage is Stage.WAITING or (self.stage is Stage.PLANNED and not self.made):
            return ""
        told = {Stage.COMMITTED: f"committed on {self.branch}", Stage.PUSHED: f"pushed to {self.branch}"}
        return told.get(self.stage, str(self.stage.value))
