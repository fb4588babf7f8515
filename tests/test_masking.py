"""Secret values appear nowhere but in `--diff`; names of secrets and harmless values stay readable."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kamal_migrate.project import Project
from kamal_migrate.report.masking import MASK, is_secret, mask, masked
from tests.commanding import CONFIG, FALSE, HEAD, command, make_app

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
