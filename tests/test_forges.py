"""The links that open pull requests, from the addresses of remotes."""

from __future__ import annotations

import pytest

from kamal_migrate.batch.forges import name, pull_request_link

BRANCH, BASE = "kamal-migrate/to 2.12", "main"
GITHUB = "https://github.com/acme/shop/compare/main...kamal-migrate/to%202.12?expand=1"
GITLAB = (
    "/-/merge_requests/new?merge_request%5Bsource_branch%5D=kamal-migrate%2Fto%202.12"
    "&merge_request%5Btarget_branch%5D=main"
)
AZURE = "/pullrequestcreate?sourceRef=kamal-migrate%2Fto%202.12&targetRef=main"
LINKS = {
    "https://github.com/acme/shop.git": GITHUB,
    "https://github.com/acme/shop": GITHUB,
    "https://github.com/acme/shop/": GITHUB,
    "https://someone:token@github.com/acme/shop.git": GITHUB,
    "HTTPS://GitHub.com/acme/shop.git": GITHUB,
    "git@github.com:acme/shop.git": GITHUB,
    "github.com:/acme/shop": GITHUB,
    "ssh://git@github.com/acme/shop.git": GITHUB,
    "ssh://git@ssh.github.com:443/acme/shop.git": GITHUB,
    "git://github.com/acme/shop.git": GITHUB,
    "git@github.acme.example:acme/shop.git": GITHUB.replace("github.com", "github.acme.example"),
    "https://github.acme.example:8443/acme/shop.git": GITHUB.replace(
        "github.com", "github.acme.example:8443"
    ),
    "git@gitlab.com:acme/web/shop.git": "https://gitlab.com/acme/web/shop" + GITLAB,
    "https://gitlab.com/acme/shop.git": "https://gitlab.com/acme/shop" + GITLAB,
    "http://gitlab.internal/acme/shop.git": "http://gitlab.internal/acme/shop" + GITLAB,
    "ssh://git@gitlab.internal:2222/acme/shop.git": "https://gitlab.internal/acme/shop" + GITLAB,
    "ssh://git@altssh.gitlab.com:443/acme/shop.git": "https://gitlab.com/acme/shop" + GITLAB,
    "git@bitbucket.org:acme/shop.git": (
        "https://bitbucket.org/acme/shop/pull-requests/new?source=kamal-migrate%2Fto%202.12&dest=main"
    ),
    "https://bitbucket.acme.example/scm/WEB/shop.git": (
        "https://bitbucket.acme.example/projects/WEB/repos/shop/pull-requests?create"
        "&sourceBranch=refs%2Fheads%2Fkamal-migrate%2Fto%202.12&targetBranch=refs%2Fheads%2Fmain"
    ),
    "ssh://git@bitbucket.acme.example:7999/~ada/shop.git": (
        "https://bitbucket.acme.example/users/ada/repos/shop/pull-requests?create"
        "&sourceBranch=refs%2Fheads%2Fkamal-migrate%2Fto%202.12&targetBranch=refs%2Fheads%2Fmain"
    ),
    "https://bitbucket.acme.example/a/b/c": None,
    "https://codeberg.org/acme/shop.git": (
        "https://codeberg.org/acme/shop/compare/main...kamal-migrate/to%202.12"
    ),
    "git@gitea.acme.example:acme/shop.git": (
        "https://gitea.acme.example/acme/shop/compare/main...kamal-migrate/to%202.12"
    ),
    "git@forgejo.acme.example:acme/shop": (
        "https://forgejo.acme.example/acme/shop/compare/main...kamal-migrate/to%202.12"
    ),
    "https://acme@dev.azure.com/acme/Web%20Team/_git/shop": (
        "https://dev.azure.com/acme/Web%20Team/_git/shop" + AZURE
    ),
    "git@ssh.dev.azure.com:v3/acme/Web%20Team/shop": "https://dev.azure.com/acme/Web%20Team/_git/shop"
    + AZURE,
    "https://acme.visualstudio.com/Web/_git/shop": "https://acme.visualstudio.com/Web/_git/shop" + AZURE,
    "acme@vs-ssh.visualstudio.com:v3/acme/Web/shop": "https://dev.azure.com/acme/Web/_git/shop" + AZURE,
    "https://dev.azure.com/acme": None,
    "https://git.acme.example/acme/shop.git": None,
    "/srv/git/github.com/shop.git": None,
    "file:///srv/git/github.com/shop.git": None,
    "../github.com/shop": None,
    "ext::sh -c github.com": None,
    "https://[github.com/acme/shop": None,
    "https://github.com:port/acme/shop": None,
    "https://github.com": None,
    "": None,
}


@pytest.mark.parametrize("url", LINKS)
def test_links(url: str) -> None:
    assert pull_request_link(url, BRANCH, BASE) == LINKS[url]


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("git@github.com:acme/shop", "https://github.com/acme/shop/compare/up?expand=1"),
        (
            "git@gitlab.com:acme/shop",
            "https://gitlab.com/acme/shop/-/merge_requests/new?merge_request%5Bsource_branch%5D=up",
        ),
        ("git@codeberg.org:acme/shop", "https://codeberg.org/acme/shop/compare/up"),
        ("https://bitbucket.org/acme/shop", "https://bitbucket.org/acme/shop/pull-requests/new?source=up"),
        (
            "https://dev.azure.com/acme/web/_git/shop",
            "https://dev.azure.com/acme/web/_git/shop/pullrequestcreate?sourceRef=up",
        ),
    ],
)
def test_links_to_the_default_branch(url: str, link: str) -> None:
    assert pull_request_link(url, "up") == link


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("https://token@github.com/acme/shop.git", "acme/shop"),
        ("git@gitlab.com:acme/web/shop.git", "web/shop"),
        ("file:///srv/git/shop.git", "git/shop"),
        ("https://example.com/shop", "shop"),
        ("file:///", "repository"),
    ],
)
def test_names(url: str, called: str) -> None:
    assert name(url) == called
