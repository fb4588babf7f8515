"""Secret values appear nowhere but in `--diff`; names of secrets and harmless values stay readable."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamal_migrate.disk import read
from kamal_migrate.masking import MASK, is_secret, mask, masked, names_only, sayings, shown_name
from kamal_migrate.project import Project, may_hold_secrets
from kamal_migrate.report.hunks import masked_hunks
from tests.commanding import CONFIG, FALSE, HEAD, command, make_app
from tests.planned import planned

REGISTRY = "registry: {username: acme, password: [TOKEN]}\n"

# Where a value can stand that must not be shown; § is the value.
PLACES = [
    "registry:\n  password: §\n",
    "registry:\n  password: '§' # rotate\n",
    'registry: {username: acme, password: "§", server: ghcr.io}\n',
    "registry:\n  password:\n    §\n",
    "registry:\n  password: |\n    §\n    §\n",
    "registry:\n  password: >-\n    §\n",
    'registry:\n  "password": "§\n    §"\n',
    "registry:\n  password: &pw §\n",
    "registry:\n  password: !!str §\n",
    "registry:\n  password: <%= X %>§\n",
    "x-pw: &pw §\nregistry:\n  password: *pw\n",
    "registry: &reg\n  password: §\nother:\n  <<: *reg\n",
    "registry:\n  password:\n    - §x\n",
    "env:\n  clear:\n    STRIPE_API_KEY: §\n",
    "env:\n  clear:\n    DB_PASS: §\n    SMTP_PWD: §\n    SENTRY_DSN: §\n",
    "env:\n  RAILS_MASTER_KEY: §\n  SECRET_KEY_BASE: §\n",
    "env:\n  clear:\n    DATABASE_URL: postgres://app:§@db.internal/shop\n",
    "env:\n  clear:\n    DATABASE_URL: 'postgres://app:p@§@db.internal/shop'\n",
    "env:\n  clear:\n    REPO: https://§@github.com/acme/shop\n",
    "env:\n  clear:\n    REDIS_URL: redis://:§@redis:6379/0\n",
    "accessories:\n  redis:\n    cmd: redis-server --requirepass § --appendonly yes\n",
    "accessories:\n  redis:\n    cmd: redis-server --requirepass '§ §'\n",
    'accessories:\n  redis:\n    cmd: "redis-server --requirepass=§"\n',
    "accessories:\n  db:\n    cmd: PGPASSWORD=§ psql -h db\n",
    'accessories:\n  db:\n    options: {e: "MYSQL_ROOT_PASSWORD=§"}\n',
    "healthcheck:\n  cmd: 'curl -H \"Authorization: Bearer §\" localhost'\n",
    "labels:\n  traefik.http.middlewares.auth.basicauth.users: acme:§\n",
    "labels:\n  users: acme:$apr1$§$§\n",
    "ssh:\n  key_data:\n    - |\n      -----BEGIN OPENSSH PRIVATE KEY-----\n      §\n"
    "      -----END OPENSSH PRIVATE KEY-----\n",
    'ssh:\n  key_data: ["-----BEGIN PRIVATE KEY-----\\n§\\n-----END PRIVATE KEY-----"]\n',
    "anything: |\n  -----BEGIN RSA PRIVATE KEY-----\n  §\n  -----END RSA PRIVATE KEY-----\n",
    "# registry:\n#   password: §\n",
    "#password: § and §\n",
    "#   password:\n#     §\n",
    "#   password:\n#     - §x\n",
    "#   password: |\n#     §\n",
    "# env: {SMTP_PASSWORD: §}\n",
    "# DATABASE_URL: postgres://app:§@db/shop\n",
    "# cmd: redis-server --requirepass §\n",
    "# -----BEGIN PRIVATE KEY-----\n# §\n# -----END PRIVATE KEY-----\n",
    "labels: {a: b} # token: §\n",
    "labels: {a: b} # export API_TOKEN=§\n",
    "labels: {a: ghp_§}\n",
]
ALPHABET = string.ascii_letters + string.digits
values = st.text(ALPHABET, min_size=8, max_size=24).map(lambda text: "zq" + text + "qz9")


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=20)
@given(value=values)
def test_a_planted_secret_is_never_shown(place: str, value: str) -> None:
    text = place.replace("§", value)
    assert value in text
    for around in (text, FALSE + text, text.replace("\n", "\r\n")):
        shown = masked(Project("x", {CONFIG: around}), CONFIG)
        assert value not in shown
        assert MASK in shown
        assert shown.count("\n") == around.count("\n")
    assert value not in masked(Project("x", {CONFIG: text + "broken: [\n"}), CONFIG)


@pytest.mark.parametrize("place", PLACES)
def test_no_output_shows_it(place: str, tmp_path: Path) -> None:
    value = "zqHunter2xyzqz9"
    text = place.replace("§", value)
    # The secret is near enough to the change to be in its hunk.
    head = "\n".join(line for line in HEAD.splitlines() if not line.startswith((" ", "registry")))
    head = f"{head.replace('servers:', 'servers: [192.0.2.1]')}\n"
    app = make_app(tmp_path, f"{head}{text}builder: {{multiarch: false}}\n")
    for arguments in (("--dry-run",), ("--dry-run", "--color", "always"), ("--format", "json", "--dry-run")):
        result = command("-C", app, *arguments)
        assert result.code in (0, 3), result.err
        assert value not in result.out + result.err
        assert MASK in result.out
    assert value in command("-C", app, "--diff").out
    assert json.loads(command("-C", app, "--format", "json", "--dry-run").out)["files"]


READABLE = """\
service: shop
image: acme/shop@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
registry:
  username: acme
  password:
    - KAMAL_REGISTRY_PASSWORD
env:
  secret:
    - RAILS_MASTER_KEY
    - DB_PASSWORD:PROD_DB_PASSWORD
  clear:
    RAILS_LOG_LEVEL: info
    PORT: 3000
    DB_PASSWORD: <%= ENV["DB_PASSWORD"] %>
    API_TOKEN: ${API_TOKEN}
    DATABASE_URL: postgres://db.internal/shop
    URL: postgres://app:<%= ENV["PW"] %>@db/shop
builder:
  arch: amd64
  remote: ssh://root@192.0.2.9
  secrets:
    - GITHUB_TOKEN
  secrets_path: .kamal/secrets
ssh:
  keys: ["~/.ssh/id.pem"]
  keys_only: true
# registry:
#   password:
#     - KAMAL_REGISTRY_PASSWORD
# env:
#   secret:
#     - RAILS_MASTER_KEY
#     - <%= NAME %>
#   clear:
#     PORT: 3000
# proxy: {ssl: true}
# See https://kamal-deploy.org/docs/configuration/environment-variables/#secrets
bypass: true
password: # rotated in May
"""


def test_what_is_no_secret_value_stays_readable() -> None:
    assert masked(Project("x", {CONFIG: READABLE}), CONFIG) == READABLE
    assert mask(READABLE) == READABLE


def test_beside_a_value_that_a_secret_repeats_others_stay_readable() -> None:
    text = "x-pw: &pw hunter2x\nregistry:\n  username: acme\n  password: *pw\n"
    assert masked(Project("x", {CONFIG: text}), CONFIG) == text.replace("&pw hunter2x", MASK)


@pytest.mark.parametrize(
    "name", ["arch", "key", "keys", "keyboard", "public_key", "image", "secrets_path", "passenger"]
)
def test_harmless_names(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    "name", ["password", "MYSQL_ROOT_PASSWORD", "api-key", "APIKEY", "accessToken", "db.pass"]
)
def test_secret_names(name: str) -> None:
    assert is_secret(name)


def test_of_a_file_that_cannot_be_parsed_nothing_is_shown() -> None:
    assert masked(Project("x", {CONFIG: "a: 1\n\nbroken: [\n"}), CONFIG) == f"{MASK}\n\n{MASK}\n"


@pytest.mark.parametrize(
    "message",
    [
        "config/deploy.yml: values changed: root['password'] is hunter2hunter2",
        "the comment '# token: hunter2hunter2' would be lost",
        "write `registry: {password: hunter2hunter2}` by hand",
        "KeyError: 'postgres://app:hunter2hunter2@db'",
    ],
)
def test_messages(message: str) -> None:
    assert ("hunter2" in mask(message)) == ("values changed" in message)


# What Kamal says of a secret's key, by a config that is wrong there; § is a value that it may quote.
WRONG = {
    "registry/password: is required": "registry: {username: acme}\n",
    "registry/password: should be a string or an array with one string (for secret lookup)": (
        "registry: {username: acme, password: [A, B]}\n"
    ),
    "env/secret: should be an array": f"{REGISTRY}env: {{secret: §}}\n",
    "accessories/pg/env/secret: should be an array": (
        f"{REGISTRY}accessories: {{pg: {{image: pg, host: 192.0.2.2, env: {{secret: §}}}}}}\n"
    ),
    "builder/secrets: should be an array": f"{REGISTRY}builder: {{arch: amd64, secrets: §}}\n",
    "accessories/token: unknown key: speed": (
        f"{REGISTRY}accessories: {{token: {{image: pg, host: 192.0.2.2, speed: §}}}}\n"
    ),
    "accessories/token: specify one of `host`, `hosts`, `role`, `roles`, `tag` or `tags`": (
        f"{REGISTRY}accessories: {{token: {{image: pg}}}}\n"
    ),
    "servers/secrets: should be an array or a hash": f"{REGISTRY}servers: {{web: [192.0.2.1], secrets: §}}\n",
}


@pytest.mark.parametrize("message", WRONG)
def test_what_kamal_says_of_a_key_stays_readable_and_what_stands_there_hidden(
    message: str, tmp_path: Path
) -> None:
    text = WRONG[message].replace("§", "zqHunter2qz")
    servers = "" if "servers:" in text else "servers: [192.0.2.1]\n"
    builder = "" if "builder:" in text else "builder: {arch: amd64}\n"
    app = make_app(tmp_path, f"service: shop\nimage: acme/shop\n{servers}{builder}{text}")
    for arguments in (("check",), ("check", "--format", "json"), ("--dry-run", "--ignore", "strict-types")):
        name = arguments[0] if arguments[0] == "check" else None
        rest = arguments[1:] if name else arguments
        out = command(*([name] if name else []), "-C", app, *rest).out
        flat = " ".join(out.replace("\\u2026", "…").split())
        assert message in flat, out
        assert "zqHunter2qz" not in flat


@pytest.mark.parametrize(
    "message",
    [
        "password: is required hunter2hunter2",
        "password: should be hunter2hunter2",
        "registry/password: unknown key: hunter2: hunter2hunter2",
        "env/secret: should be an array, not hunter2hunter2",
    ],
)
def test_what_only_looks_like_a_saying_of_kamal_is_hidden(message: str) -> None:
    assert "hunter2hunter2" not in mask(message)


def test_a_name_that_may_be_a_value_is_hidden() -> None:
    assert [*map(shown_name, ["DB_URL", "hunter2", "Hunter2", "", "A b"])] == ["DB_URL", *[MASK] * 4]
    text = "# why\nA=$A\nhunter2=$hunter2\nTOKEN=hunter2\n"
    assert sayings(text) == f"# why\nA=$A\n{MASK}\nTOKEN={MASK}\n"


# Files of secrets, and others that are no configs.


@pytest.mark.parametrize(
    "path", [".env", ".env.erb", ".envrc", "apps/a/.env.staging", ".kamal/secrets", "a/.kamal/secrets-common"]
)
def test_files_that_may_hold_secrets(path: str) -> None:
    assert may_hold_secrets(path)


@pytest.mark.parametrize(
    "path", ["env", "a.env", ".kamal/hooks/secrets", "kamal/secrets", ".kamal/secrets/a"]
)
def test_files_that_are_for_something_else(path: str) -> None:
    assert not may_hold_secrets(path)


def test_names_without_what_is_said_of_them() -> None:
    text = (
        "# rotated, was hunter2\n\nA=hunter2\nexport B = 'hunter2' # hunter2\nKEY=\"-----BEGIN KEY-----\n"
        'hunter2==\n\nHUNTER2=x"\nC=$(echo hunter2)\nhunter2\nhunter2==\nD=\r\n'
    )
    rows = [MASK, "", f"A={MASK}", f"export B={MASK}", f"KEY={MASK}", MASK, "", MASK]
    hidden = "\n".join([*rows, f"C={MASK}", MASK, MASK, f"D={MASK}", ""])
    assert names_only(text) == hidden
    assert names_only("") == ""


def test_a_script_is_no_yaml() -> None:
    script = "#!/bin/sh\ncurl -H 'Authorization: Bearer hunter2hunter2' x: [\n: {\nTOKEN=hunter2\necho done\n"
    shown = masked(Project("x", {".kamal/hooks/pre-deploy": script}), ".kamal/hooks/pre-deploy")
    assert shown == script.replace("hunter2hunter2'", f"{MASK}'").replace("hunter2", MASK)
    assert masked(Project("x", {}), CONFIG) == masked(Project("x", {}), "bin/kamal") == ""


def shown_hunks(
    tmp_path: Path, files: dict[str, str], path: str, text: str, old: str = "", *, private: bool = False
) -> list[str]:
    """What the preview shows of a file that has a new text, or that comes from an old path."""
    folder = read(make_app(tmp_path, FALSE, files))
    made = planned(folder, {path: text}, {path: old} if old else {}, [path] if private else [])
    rows = []
    for hunk in masked_hunks(made, path):
        rows += [hunk.header, *(sign + line.rstrip("\n") for sign, line in hunk.lines)]
    return rows


ENV = "A=hunter2\nB=hunter2\n"


@pytest.mark.parametrize(
    ("before", "after", "rows"),
    [
        (ENV, f"{ENV}C=$C\nD_TOKEN=xyzzy\n", ["@@ -2,0 +3,2 @@", "+C=$C", f"+D_TOKEN={MASK}"]),
        ("A=hunter2", "A=hunter2\nC=$C", ["@@ -1,0 +2 @@", "+C=$C"]),
        ("A=hunter2", "A=hunter2\r\nC=$C\r\n", ["@@ -1,0 +2 @@", "+C=$C\r"]),
        ("A=hunter2", "A=hunter2\n", []),
        ("", "C=$C\n", ["@@ -0,0 +1 @@", "+C=$C"]),
        (ENV, f"Z=$Z\n{ENV}", ["@@ -0,0 +1 @@", f"+Z={MASK}"]),
        (ENV, ENV.replace("A=", "X="), ["@@ -1 +1 @@", f"+X={MASK}"]),
        (ENV, "A=hunter2\n", []),
    ],
)
@pytest.mark.parametrize("path", [".env", "apps/.kamal/secrets.live"])
def test_of_a_file_of_secrets_only_what_comes(
    path: str, before: str, after: str, rows: list[str], tmp_path: Path
) -> None:
    assert shown_hunks(tmp_path, {path: before}, path, after) == rows
    assert shown_hunks(tmp_path / "b", {".env.old": before}, path, after, ".env.old") == rows


def test_of_private_files_only_the_names(tmp_path: Path) -> None:
    text = f"{ENV}C=hunter2\nPEM='hunter2\nhunter2='\n"
    rows = [f"+C={MASK}", f"+PEM={MASK}", f"+{MASK}"]
    assert shown_hunks(tmp_path, {".env": ENV}, ".env", text, private=True) == ["@@ -2,0 +3,3 @@", *rows]
    rows = ["@@ -0,0 +1,5 @@", f"+A={MASK}", f"+B={MASK}", *rows]
    assert shown_hunks(tmp_path / "b", {}, "config/elsewhere", text, private=True) == rows


def test_files_that_come_and_are_renamed(tmp_path: Path) -> None:
    rows = ["@@ -0,0 +1,2 @@", "+#!/bin/sh", f"+export API_TOKEN={MASK}"]
    text = "#!/bin/sh\nexport API_TOKEN=hunter2\n"
    assert shown_hunks(tmp_path, {}, ".kamal/hooks/x", text) == rows
    old = {".mrsk/hooks/x": f"{text}echo $MRSK_VERSION\n"}
    rows = ["@@ -1,3 +1,3 @@", " #!/bin/sh", f" export API_TOKEN={MASK}"]
    rows += ["-echo $MRSK_VERSION", "+echo $KAMAL_VERSION"]
    renamed = f"{text}echo $KAMAL_VERSION\n"
    assert shown_hunks(tmp_path / "b", old, ".kamal/hooks/x", renamed, ".mrsk/hooks/x") == rows
    assert shown_hunks(tmp_path / "c", old, ".kamal/hooks/x", old[".mrsk/hooks/x"], ".mrsk/hooks/x") == []


def test_a_renamed_config(tmp_path: Path) -> None:
    text = f"{HEAD}env:\n  clear:\n    API_KEY: hunter2\n"
    rows = shown_hunks(
        tmp_path, {"config/mrsk.yml": text}, "config/kamal.yml", f"{text}x: 1\n", "config/mrsk.yml"
    )
    assert f"     API_KEY: {MASK}" in rows
    assert "+x: 1" in rows
