"""What the text of a Dockerfile says of the image that is built from it."""

from __future__ import annotations

import re
from typing import NamedTuple

_FROM = re.compile(r"\s*FROM\s+(?:--platform=(\S+)\s+)?(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)
_EXPOSE = re.compile(r"\s*EXPOSE\s+(.*)", re.IGNORECASE)
_SET = re.compile(r"\s*(?:ENV|ARG)\s+(\w+)(?:=|\s+)[\"']?(\w+)", re.IGNORECASE)
_USED = re.compile(r"\$\{?(\w+)(?::-(\w+)\})?\}?")


def exposed_ports(dockerfile: str, target: str | None) -> dict[int, int]:
    """The TCP ports that the final stage exposes, with those of the stages it is built on: port and line."""
    stages: dict[str, dict[int, int]] = {}
    ports: dict[int, int] = {}
    values: dict[str, str] = {}
    for number, line in enumerate(dockerfile.split("\n"), 1):
        if begins := _FROM.match(line):
            _, image, name = begins.groups()
            ports = dict(stages.get(image.lower(), {}))
            stages[(name or "").lower()] = ports
        elif sets := _SET.match(line):
            values[sets[1]] = sets[2]
        elif exposes := _EXPOSE.match(line):
            said = _USED.sub(lambda used: values.get(used[1]) or used[2] or "", exposes[1].split("#")[0])
            found = (re.fullmatch(r"(\d+)(?:/tcp)?", word, re.IGNORECASE) for word in said.split())
            ports.update({int(port[1]): number for port in found if port})
    return stages.get(target.lower(), ports) if target else ports


class Stage(NamedTuple):
    """A stage of a Dockerfile: the line that says its platform, and the platform or nothing."""

    line: int
    platform: str


def final_stage(dockerfile: str, target: str | None) -> Stage | None:
    """The stage that becomes the image; one that is built on another stage has that one's platform."""
    stages: dict[str, Stage] = {}
    last: Stage | None = None
    for number, line in enumerate(dockerfile.split("\n"), 1):
        match = _FROM.match(line)
        if match:
            platform, image, name = match.groups()
            last = stages.get(image.lower()) if platform is None else None
            last = last or Stage(number, (platform or "").strip("\"'"))
            stages[(name or "").lower()] = last
    return stages.get(target.lower()) if target else last
