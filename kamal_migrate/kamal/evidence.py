"""What the files of an app tell that its config does not: the servers' architecture, Kamal's version.

One function for each question, used wherever the answer is needed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from kamal_migrate.kamal.dockerfile import exposed_ports, final_stage
from kamal_migrate.kamal.jobs import jobs
from kamal_migrate.kamal.loading import Opaque, View
from kamal_migrate.kamal.versions import Version, parse
from kamal_migrate.project import SCRIPTS, Project, is_ci
from kamal_migrate.text import position

BOTH = ("amd64", "arm64")
_NAMES = {
    "amd64": "amd64",
    "x86_64": "amd64",
    "x64": "amd64",
    "arm64": "arm64",
    "aarch64": "arm64",
    "arm": "arm64",
}


class Evidence(NamedTuple):
    """An answer, where it comes from, and whether it only is the usual one because nothing tells."""

    value: str
    source: str
    assumed: bool = False


def architecture(
    view: View,
    given: Evidence | None = None,
    answer: Evidence | None = None,
    known: Evidence | None = None,
) -> Evidence:
    """What the servers of a view run: ``amd64``, ``arm64`` or ``both``.

    A ``given`` answer counts, then what is ``known`` of each of the hosts (`kamal.inventory`); else the
    platform options of roles, the Dockerfile, the runner of the CI job that runs Kamal, and a commented-out
    builder, in this order. Where none speaks or two disagree it is the ``answer`` of the user, else
    ``amd64``, assumed.
    """
    said = given or known
    if said:
        return said
    signs = [sign for source in (_platforms, _dockerfile, _runners, _commented) for sign in source(view)]
    values = {sign.value for sign in signs}
    if len(values) == 1:
        return signs[0]
    if answer:
        return answer
    if not values:
        return Evidence("amd64", "nothing says what the servers run; most run amd64", assumed=True)
    each = "; ".join(f"{sign.value}: {sign.source}" for sign in _first_of_each(signs))
    return Evidence("amd64", f"the files disagree ({each})", assumed=True)


def _first_of_each(signs: list[Evidence]) -> list[Evidence]:
    return list({sign.value: sign for sign in reversed(signs)}.values())[::-1]


def named_architecture(name: str) -> str | None:
    """The architecture that a name such as ``x86_64`` means, as ``uname -m`` prints it; None for others."""
    return _NAMES.get(name.strip().lower())


def _platform(text: object) -> str | None:
    """The architecture of a platform such as ``linux/arm64``."""
    match = (
        re.fullmatch(r"(?:linux/)?(amd64|arm64|x86_64|aarch64)(?:/v\d)?", str(text))
        if isinstance(text, str)
        else None
    )
    return _NAMES[match[1]] if match else None


def _platforms(view: View) -> Iterator[Evidence]:
    for _, evidence in platform_options(view):
        yield evidence


def platform_options(view: View) -> Iterator[tuple[str, Evidence]]:
    """The roles whose docker options say a platform, and the architecture of that."""
    servers = view.get("servers")
    for role, settings in servers.items() if isinstance(servers, dict) else ():
        options = settings.get("options") if isinstance(settings, dict) else None
        arch = _platform(options.get("platform")) if isinstance(options, dict) else None
        if arch:
            where = place(view, ("servers", role, "options", "platform"))
            yield role, Evidence(arch, f"platform option of role {role}, {where}")


def place(view: View, path: tuple[str | int, ...]) -> str:
    """Where the file that Kamal obeys states a key: path and line."""
    for layer in reversed(view.stating(path) or list(view.layers)):
        if layer.doc.at(*path).exists:
            line = position(layer.document.text, layer.doc.at(*path).offset).line
            return f"{layer.document.path}:{line}"
    return view.layers[-1].document.path


def root_of(config: str) -> str:
    """The folder that Kamal is run in, seen from the project: above the last ``config/`` or ``.kamal/``."""
    steps = posixpath.dirname(config).split("/")
    places = [number for number, step in enumerate(steps) if step in ("config", ".kamal")]
    return "/".join(steps[: places[-1]] if places else steps)


def _build_file(view: View) -> tuple[str, str, str | None] | None:
    """The path and text of the Dockerfile that the builder uses, and its target; None where ERB says it."""
    builder = view.get("builder")
    settings = builder if isinstance(builder, dict) else {}
    name, target = settings.get("dockerfile"), settings.get("target")
    if isinstance(name, Opaque) or isinstance(target, Opaque):
        return None
    name = "Dockerfile" if name is None else name
    path = posixpath.normpath(posixpath.join(root_of(view.config.base), str(name)))
    return path, view.project.files.get(path) or "", str(target) if target else None


def _dockerfile(view: View) -> Iterator[Evidence]:
    path, text, target = _build_file(view) or ("", "", None)
    stage = final_stage(text, target)
    arch = _platform(stage.platform) if stage else None
    if stage and arch:
        yield Evidence(arch, f"FROM --platform={stage.platform}, {path}:{stage.line}")


def exposed(view: View) -> Evidence | None:
    """The port that the image exposes: Traefik took it where no label named another (history D.1).

    Of several, Traefik took the lowest: that is ``assumed``, for it may not be what was meant. None where the
    Dockerfile in use says nothing, or only what its base image or a variable may hold.
    """
    path, text, target = _build_file(view) or ("", "", None)
    ports = exposed_ports(text, target)
    if not ports:
        return None
    lowest = min(ports)
    if len(ports) == 1:
        return Evidence(str(lowest), f"{path}:{ports[lowest]}")
    several = f"Traefik took the lowest of {', '.join(map(str, sorted(ports)))}"
    return Evidence(str(lowest), f"{several}, {path}:{ports[lowest]}", assumed=True)


_RUNS_KAMAL = re.compile(
    r"\b(?:kamal|mrsk)\s+(?:deploy|redeploy|setup|build|push)\b|ghcr\.io/\S*/(?:kamal|mrsk)\b"
)
_SHORT = re.compile(r"\b(?:kamal|mrsk)\b")


def _runners(view: View) -> Iterator[Evidence]:
    for path, text in view.project.files.items():
        if not path.startswith(".github/workflows/") or not _SHORT.search(text):
            continue
        for job in jobs(path, text):
            arch = _runner(job.runner) if any(map(_RUNS_KAMAL.search, job.scripts)) else None
            if arch:
                yield Evidence(arch, f"the runner of job {job.name}, {path}")


def _runner(label: object) -> str | None:
    """The architecture of a GitHub runner, by its labels."""
    labels = [str(item).lower() for item in label] if isinstance(label, list) else [str(label).lower()]
    if isinstance(label, Opaque) or any("${{" in item for item in labels):
        return None
    for item in labels:
        if item in ("arm64", "arm") or re.fullmatch(r"ubuntu-.*-arm(64)?", item):
            return "arm64"
        if item in ("x64", "amd64") or re.fullmatch(r"ubuntu-(latest|\d\d\.\d\d)", item):
            return "amd64"
    return None


_COMMENTED_ARCH = re.compile(r"^[ \t]*#[^\n]*\barch[ \t]*:", re.MULTILINE)
_COMMENTED = re.compile(r"\s*#\s*(?:-\s*)?([\w-]+)\s*:\s*(\S*)")
_BUILDER, _OTHER_SECTION = re.compile(r"#?\s*builder\s*:"), re.compile(r"(#\s?)?[A-Za-z]\S*\s*:")


def _commented(view: View) -> Iterator[Evidence]:
    for layer in view.layers:
        text = layer.document.text
        lines = text.split("\n") if _COMMENTED_ARCH.search(text) else []
        inside = False
        for number, line in enumerate(lines, 1):
            if _BUILDER.match(line):
                inside = True
            elif _OTHER_SECTION.match(line):
                inside = False
            match = _COMMENTED.match(line) if inside else None
            arch = _platform(match[2].strip("'\"")) if match and match[1] == "arch" else None
            if arch and not _is_template(lines[number:]):
                yield Evidence(arch, f"a commented-out builder, {layer.document.path}:{number}")


def _is_template(below: list[str]) -> bool:
    """Whether these lines follow the `arch` of the example that `kamal init` writes into every config."""
    return bool(below) and below[0].rstrip().endswith("host: ssh://app@192.168.0.1")


def _is_above(folder: str, root: str) -> bool:
    return folder in ("", root) or root.startswith(f"{folder}/")


class Pin(NamedTuple):
    """A version of Kamal, what names it, and whether it is only a bound: ``at most`` or ``at least``."""

    version: Version
    source: str
    bound: str = ""


_LOCKED = re.compile(r"^    (?:kamal|mrsk) \((\d[\d.]*)\)", re.MULTILINE)
_PINNED = re.compile(
    r"gem install (?:--\S+ )*(?:kamal|mrsk)(?::|\s+(?:-v|--version)[ =]?)['\"]?(\d[\d.]*)"
    r"|ghcr\.io/(?:basecamp/kamal|mrsked/mrsk):v?(\d[\d.]*)"
)


def pinned(project: Project, config: str | None = None) -> Pin | None:
    """The version that the Gemfile.lock of a config's app locks, else that CI or a script installs.

    Without a ``config`` it is that of the first one. In a folder of several apps each has its own lock.
    """
    bases = [found.base for found in project.configs]
    root = root_of(config or bases[0]) if bases else ""
    locks = [path for path in project.files if posixpath.basename(path) == "Gemfile.lock"]
    if len(bases) > 1:
        locks = [path for path in locks if _is_above(posixpath.dirname(path), root)]
    for path in sorted(locks, key=len, reverse=True):
        text = project.files[path]
        if text:
            match = _LOCKED.search(text)
            version = parse(match[1]) if match else None
            if version:
                return Pin(version, path)
    scripts = re.compile(re.escape(f"{root}/" if root else "") + SCRIPTS)
    for path in [*filter(is_ci, project.files), *filter(scripts.fullmatch, project.files)]:
        match = _PINNED.search(project.files[path])
        version = parse(match[1] or match[2]) if match else None
        if version:
            return Pin(version, path)
    return None
