"""Where a repository is hosted: the link that opens a pull request there, from the address of its remote."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

# `[user@]host:path`, as scp has it; a second colon would name a helper program of git's.
SCP = re.compile(r"(?:[^\s/:@]+@)?([^\s/:@\[\]-][^\s/:@\[\]]*|\[[^\s\[\]]+\]):(?!:|//)(\S+)")
# Hosts that speak ssh under another name than the one for browsers.
_SSH_HOSTS = {
    "altssh.bitbucket.org": "bitbucket.org",
    "altssh.gitlab.com": "gitlab.com",
    "ssh.dev.azure.com": "dev.azure.com",
    "ssh.github.com": "github.com",
    "vs-ssh.visualstudio.com": "dev.azure.com",
}


class Remote(NamedTuple):
    """Where a remote is: its site as browsers want it, and the path of the repository there."""

    scheme: str
    host: str
    path: str

    @property
    def page(self) -> str:
        """The address of the repository's page, where forges have it."""
        return f"{self.scheme}://{self.host}/{quote(self.path)}"


def remote(url: str) -> Remote | None:
    """Where an https, ssh or scp-like address leads; `None` for folders and whatever is none."""
    scp = SCP.fullmatch(url)
    try:
        parts = urlsplit(f"ssh://{scp[1]}/{scp[2].lstrip('/')}" if scp else url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    path = unquote(parts.path).strip("/").removesuffix(".git").rstrip("/")
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https", "ssh", "git", "git+ssh", "ssh+git") or not host or not path:
        return None
    if scheme in ("http", "https"):
        host = f"[{host}]" if ":" in host else host
        return Remote(scheme, f"{host}:{port}" if port else host, path)
    return Remote("https", _SSH_HOSTS.get(host, host), path)


def name(url: str) -> str:
    """What a repository at a URL is called: its owner and its name."""
    found = remote(url)
    path = found.path if found else unquote(urlsplit(url).path).strip("/").removesuffix(".git")
    return "/".join(path.split("/")[-2:]) or "repository"


def pull_request_link(url: str, branch: str, base: str | None = None) -> str | None:
    """The page that opens a pull or merge request for a pushed branch; `None` where the forge is not known.

    A forge on a host of one's own is known by its name in the host's.
    """
    found = remote(url)
    make = next((make for word, make in _FORGES.items() if found and word in found.host), None)
    return make(found, branch, base) if found and make else None


def _github(at: Remote, branch: str, base: str | None) -> str:
    wanted = f"{quote(base)}...{quote(branch)}" if base else quote(branch)
    return f"{at.page}/compare/{wanted}?expand=1"


def _gitlab(at: Remote, branch: str, base: str | None) -> str:
    asked = {"merge_request[source_branch]": branch, "merge_request[target_branch]": base}
    return f"{at.page}/-/merge_requests/new?{_query(asked)}"


def _bitbucket(at: Remote, branch: str, base: str | None) -> str | None:
    if at.host == "bitbucket.org":
        return f"{at.page}/pull-requests/new?{_query({'source': branch, 'dest': base})}"
    project, _, repository = at.path.removeprefix("scm/").rpartition("/")
    if not project or "/" in project:
        return None
    owner = f"users/{project[1:]}" if project.startswith("~") else f"projects/{project}"
    ends = {"sourceBranch": f"refs/heads/{branch}", "targetBranch": f"refs/heads/{base}" if base else None}
    page = at._replace(path=f"{owner}/repos/{repository}").page
    return f"{page}/pull-requests?create&{_query(ends)}"


def _gitea(at: Remote, branch: str, base: str | None) -> str | None:
    return (
        f"{at.page}/compare/{quote(base)}...{quote(branch)}" if base else f"{at.page}/compare/{quote(branch)}"
    )


def _azure(at: Remote, branch: str, base: str | None) -> str | None:
    parts = at.path.split("/")
    if parts[0] == "v3" and len(parts) == 4:
        parts = [*parts[1:3], "_git", parts[3]]
    if "_git" not in parts[:-1]:
        return None
    page = at._replace(path="/".join(parts)).page
    return f"{page}/pullrequestcreate?{_query({'sourceRef': branch, 'targetRef': base})}"


def _query(asked: Mapping[str, str | None]) -> str:
    return "&".join(f"{quote(key)}={quote(value, safe='')}" for key, value in asked.items() if value)


_FORGES: Mapping[str, Callable[[Remote, str, str | None], str | None]] = {
    "github": _github,
    "gitlab": _gitlab,
    "bitbucket": _bitbucket,
    "codeberg": _gitea,
    "gitea": _gitea,
    "forgejo": _gitea,
    "dev.azure.com": _azure,
    "visualstudio.com": _azure,
}
