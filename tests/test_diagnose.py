"""What a log tells: golden diagnoses, the same cause whatever CI puts around it, and constant memory."""

from __future__ import annotations

import codecs
import difflib
import io
import json
import re
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kamal_migrate.catalog import catalog
from kamal_migrate.commands.diagnose import diagnosed
from kamal_migrate.diagnosing import CAUSES, Diagnosis, diagnose
from kamal_migrate.diagnosing.hiding import hidden
from kamal_migrate.diagnosing.loglines import LONGEST, OVERLAP, bare, blocks, uncoloured
from kamal_migrate.diagnosing.scanning import KEPT
from kamal_migrate.kamal.builds import build_plan
from kamal_migrate.kamal.evidence import Evidence
from kamal_migrate.kamal.loading import views
from kamal_migrate.kamal.versions import NEWEST, Version
from kamal_migrate.report.diagnosis import as_json, explanation, lines
from kamal_migrate.report.lines import WIDTH
from tests.commanding import FALSE, HEAD, KAMAL_2, command, make_app
from tests.support import FIXTURES

FOLDER = FIXTURES / "diagnose"
CASES = sorted(path.parent for path in FOLDER.glob("*/*/log.txt"))
NOTHING = "nothing-known"
GOLDEN = "diagnosis.txt"
ESCAPE = "\x1b"

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")


def log_of(case: Path) -> bytes:
    return (case / "log.txt").read_bytes()


def app_of(case: Path, empty: Path) -> Path:
    """The app of a case, or a folder without one."""
    return case / "app" if (case / "app").is_dir() else empty


def told(log: bytes) -> list[tuple[str, list[tuple[int, str]]]]:
    """The causes with their lines."""
    return [(row.cause.id, [(line.line, line.text) for line in row.lines]) for row in diagnose([log]).found]


def kinds(found: Diagnosis) -> list[str]:
    return [row.cause.kind for row in found.found]


@every_case
def test_golden(case: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    report = diagnosed(str(case / "log.txt"), app_of(case, tmp_path))._replace(log="log.txt")
    found = "".join(f"{line.text}\n" for line in lines(report))
    golden = case / GOLDEN
    if request.config.getoption("update"):
        golden.write_text(found, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8") if golden.is_file() else ""
    difference = difflib.unified_diff(
        expected.splitlines(), found.splitlines(), "expected", "found", lineterm=""
    )
    assert found == expected, "\n".join(difference)


@every_case
def test_the_folder_names_the_cause(case: Path) -> None:
    found = kinds(diagnose([log_of(case)]))
    assert found[:1] == ([] if case.parent.name == NOTHING else [case.parent.name])


@every_case
def test_it_fits_the_terminal(case: Path, tmp_path: Path) -> None:
    for line in lines(diagnosed(str(case / "log.txt"), app_of(case, tmp_path))._replace(log="log.txt")):
        assert len(line.text) <= WIDTH or line.style == "new", line.text


def test_every_cause_has_a_case() -> None:
    assert {cause.kind for cause in CAUSES} | {NOTHING} == {case.parent.name for case in CASES}
    assert not [path for path in FOLDER.glob("*/*") if path not in CASES]


def test_causes_are_told_apart() -> None:
    ids = [cause.id for cause in CAUSES]
    assert len(ids) == len(set(ids))
    codemods = {codemod.id for codemod in catalog()}
    assert {cause.codemod for cause in CAUSES} - {""} <= codemods
    for cause in CAUSES:
        assert cause.ways and cause.why and cause.versions and cause.title
        for sign in (*cause.signs, *cause.shown_with, *cause.settled_by):
            re.compile(sign.pattern)
            assert sign.words
        # The command of the codemod stands below the first way, or below one that names it.
        commands = [way.command for way in cause.ways]
        assert not cause.codemod or not commands[0] or cause.command in commands
        for way in cause.ways:
            named = re.search(r"kamal-migrate --select (\S+)", way.command)
            assert named is None or named[1] in codemods


# The messages of history A.2, as real Kamals print them, each after `ERROR (Kamal::ConfigurationError): `.
MESSAGES = {
    "unknown key: traefik": "traefik",
    "unknown keys: traefik, healthcheck, stop_wait_time": "traefik",
    "unknown key: healthcheck": "traefik",
    "unknown key: stop_wait_time": "stop-wait-time",
    "unknown key: ssh_user": "old-keys",
    "unknown keys: audit_broadcast_cmd, skip_master_key": "old-keys",
    "unknown key: primary_web_role": "old-keys",
    "servers/web: unknown key: traefik": "role-traefik",
    "servers/web: unknown keys: traefik, healthcheck": "role-traefik",
    "builder: unknown key: multiarch": "multiarch",
    "builder/local: should be a boolean": "builder-nodes",
    "builder/remote: should be a string": "builder-nodes",
    "builder: Cannot disable local builds, no remote is set": "no-remote",
    "builder: Invalid cache type: local": "cache-type",
    "healthcheck: unknown key: exposed_port": "exposed-port",
    "proxy/healthcheck: unknown key: port": "proxy-healthcheck",
    "servers/web/proxy/healthcheck: unknown keys: max_attempts, cmd": "proxy-healthcheck",
    "proxy/app_port: should be an integer": "seconds",
    "proxy/healthcheck/interval: should be an integer": "seconds",
    "drain_timeout: should be an integer": "seconds",
    "proxy: Must set a host to enable automatic SSL": "ssl-host",
    "servers/web/proxy: Must set a host to enable automatic SSL": "ssl-host",
    "SSL is only supported on a single server, found 2 servers for role web": "ssl-servers",
    "SSL is only supported on a single server unless you provide custom certificates, found 2 servers for"
    " role web": "ssl-servers",
    "Different roles can't share the same host for SSL: a.b": "ssl-shared",
    "proxy: Specify one of 'host' or 'hosts', not both": "host-and-hosts",
    "proxy: should be a hash": "root-proxy",
    "Conflicting proxy run configurations for host 192.0.2.1": "proxy-run",
    "servers/web: Cannot set restart policy in docker options, unless-stopped is required": "restart",
    "servers/web/labels: invalid label. destination, role, and service are reserved labels": "labels",
    "accessories/db: specify one of `host`, `hosts` or `roles`": "accessory-host",
    "accessories/db: specify one of `host`, `hosts`, `role`, `roles`, `tag` or `tags`": "accessory-host",
    "accessories/db: unknown roles nope": "accessory-roles",
    "registry/username: should be a string or an array with one string (for secret lookup)": "registry-name",
    "Service name can only include alphanumeric characters, hyphens, and underscores": "service-name",
    "env: unknown key: B": "env-mixed",
    "servers/web/env: tags are only allowed in the root env": "env-tags",
    "Current version is 2.0.0, minimum required is 99.0.0": "minimum-version",
    "Missing required configuration for service": "missing",
    "env/A: should be a string": "types",
    "accessories: should be a hash": "types",
    "servers/jobs: should be an array or a hash": "types",
    "servers/web/hosts: should be an array": "types",
    "unknown key: frobnicate": "unknown-key",
    "ssh: unknown key: usr": "unknown-key",
    "Something that only a newer Kamal says": "other",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_what_kamal_refuses(message: str) -> None:
    log = f"  {ESCAPE}[31mERROR (Kamal::ConfigurationError): {message}{ESCAPE}[0m\n"
    assert [row.cause.id for row in diagnose([log.encode()]).found] == [f"refused-config/{MESSAGES[message]}"]


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("place", ["x.rb:12:in `error'", "x.rb:12:in 'Kamal::Validator#error'"])
def test_what_ruby_itself_shows(message: str, place: str) -> None:
    log = f"/gems/kamal-2.3.0/{place}: {message} (Kamal::ConfigurationError)\n\tfrom deploy.rb:3\n"
    (found,) = diagnose([log.encode()]).found
    assert found.cause.id == f"refused-config/{MESSAGES[message]}"


def test_what_ruby_shows_of_other_errors() -> None:
    old = "/gems/kamal-1.3.0/lib/x.rb:9:in `ensure_required': Missing required configuration for service"
    lost = '(erb):12:in `fetch\': key not found: "REGISTRY_TOKEN"'
    log = f"{old} (ArgumentError)\n{lost} (KeyError)\n{old} (RuntimeError)\n"
    assert [(row.cause.id, [line.line for line in row.lines]) for row in diagnose([log.encode()]).found] == [
        ("secret-not-found", [2]),
        ("refused-config/missing", [1]),
    ]


def test_the_place_of_what_ruby_shows(tmp_path: Path) -> None:
    shown = "validator.rb:12:in `error': builder: unknown keys: multiarch, foo (Kamal::ConfigurationError)"
    (tmp_path / "log").write_text(shown, encoding="utf-8")
    report = diagnosed(str(tmp_path / "log"), make_app(tmp_path / "app", FALSE))
    assert [remark.text for rows in report.remarks for remark in rows] == [
        "`builder: unknown key: multiarch`, says Kamal 2.12",
        "nothing here is refused with `builder: unknown key: foo`: it may be of another app or version",
    ]


@pytest.mark.parametrize(
    ("image", "cause"),
    [
        ("ghcr.io/acme/shop-build-cache", "cache-export"),
        ("ghcr.io/acme/shop:build-cache", "cache-export"),
        ("ghcr.io/acme/shop:build-cache-staging", "cache-export"),
        ("acme/build-cache:5f2c1d0", "registry-login"),
        ("ghcr.io/acme/memcache:5f2c1d0", "registry-login"),
    ],
)
@pytest.mark.parametrize("why", ["denied: permission_denied: write_package", "unauthorized: no such account"])
def test_a_cache_that_is_not_pushed(image: str, cause: str, why: str) -> None:
    log = f"#20 ERROR: failed to push {image}: {why}\nERROR: failed to solve: failed to push {image}: {why}\n"
    assert kinds(diagnose([log.encode()])) == [cause]


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("builder: Builder arch not set", "arch-not-set"),
        ("registry/password: is required", "empty-registry-password"),
        ("Secret 'X' not found in .kamal/secrets", "secret-not-found"),
        ("Secret 'X' not found, no secret files provided", "secret-not-found"),
        (
            "Found pre-traefik-reboot, these should be renamed to (pre|post)-proxy-reboot",
            "traefik-hook",
        ),
    ],
)
def test_what_has_a_cause_of_its_own(message: str, cause: str) -> None:
    log = f"  ERROR (Kamal::ConfigurationError): {message}\n".encode()
    assert [row.cause.id for row in diagnose([log]).found] == [cause]


def test_every_refusal_is_in_the_table() -> None:
    ids = {cause.id.split("/")[1] for cause in CAUSES if cause.kind == "refused-config"}
    assert ids - set(MESSAGES.values()) == {"ssl-pem"}


# What CI, sshkit and buildx put before a line, and how they colour it.

STAMPS = st.sampled_from(
    [
        "",
        "2024-05-01T10:00:00.1234567Z ",
        "2024-05-01T10:00:00.123456Z 00O ",
        "2024-05-01T10:00:00.123456Z 01E ",
        "deploy\tRun kamal deploy\t2024-05-01T10:00:00.1234567Z ",
        "[2024-05-01T10:00:00.123Z] ",
        "10:00:00 ",
        f"{ESCAPE}_bk;t=1714557600123\x07",
        "_bk;t=1714557600123",
    ]
)
MARKS = st.sampled_from(["", "##[error]", "::error::", "section_start:1700000000:step_script\r"])
LEVELS = st.sampled_from(["", "  INFO [abc12345] ", " DEBUG [0f9e8d7c] \t", "#12 ", "#7 12.345 ", "   "])
COLOURS = st.sampled_from(
    [f"{ESCAPE}[31m", f"{ESCAPE}[0m", f"{ESCAPE}[0K", f"{ESCAPE}[0;32;49m", f"{ESCAPE}]0;title\x07"]
)
PLAIN = [
    line
    for case in CASES
    for line in uncoloured(log_of(case).decode("utf-8")).split("\n")
    if "\r" not in line
]


@st.composite
def disguised(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """A log, and the same as some CI shows it."""
    plain = [bare(line) for line in draw(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=12))]
    shown = []
    for line in plain:
        text = line
        for _ in range(draw(st.integers(0, 2))):
            at = draw(st.integers(0, len(text)))
            text = text[:at] + draw(COLOURS) + text[at:] if ESCAPE not in text[max(at - 12, 0) : at] else text
        shown.append(draw(STAMPS) + draw(MARKS) + draw(LEVELS) + text)
    return plain, shown


@given(disguised())
def test_prefixes_and_colours_change_nothing(pair: tuple[list[str], list[str]]) -> None:
    plain, shown = pair
    assert told("\n".join(shown).encode()) == told("\n".join(plain).encode())


@given(st.sampled_from(CASES), st.lists(st.integers(0, 4000), max_size=6))
def test_however_it_is_cut(case: Path, cuts: list[int]) -> None:
    log = log_of(case)
    places = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
    pieces = [log[start:end] for start, end in pairwise(places)]
    assert diagnose(pieces) == diagnose([log])


@given(st.lists(st.binary(max_size=60), max_size=8))
@example([b"\xef"])
@example([b"\xef\xbb", b"\xbf"])
@example([b"\xef\xbb\xbf\n"])
def test_any_bytes(chunks: list[bytes]) -> None:
    read = b"".join(chunks)
    assert diagnose(chunks) == diagnose([read])
    read = read.removeprefix(codecs.BOM_UTF8)
    if not read.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        assert diagnose(chunks).lines == read.count(b"\n") + (not read.endswith(b"\n") and read != b"")


def test_utf_16_and_progress() -> None:
    text = "one\r\ntwo\rAn image does not exist locally with the tag: a/b\rthree\r\n"
    (found,) = diagnose([text.encode("utf-16")]).found
    assert (found.cause.id, found.evidence[0].line) == ("image-not-pushed", 2)
    assert found.evidence[0].text == "An image does not exist locally with the tag: a/b"


LINE = "An image does not exist locally with the tag: acme/shop"


@pytest.mark.parametrize("before", [0, LONGEST - 20, LONGEST - OVERLAP, 3 * LONGEST + 7])
def test_a_line_without_end(before: int) -> None:
    log = ("x" * before + " " + LINE + " " + "y" * 2 * LONGEST).encode()
    (found,) = diagnose(log[at : at + 1000] for at in range(0, len(log), 1000)).found
    assert (found.evidence[0].line, found.more) == (1, 0)
    assert LINE in found.evidence[0].text
    assert len(found.evidence[0].text) < 2000


def test_evidence_is_bounded_and_counted() -> None:
    log = "".join(f"{LINE}{number}\n" for number in range(1000)).encode()
    (found,) = diagnose([log]).found
    assert (len(found.evidence), found.more) == (KEPT, 1000 - KEPT)
    assert [row.line for row in found.evidence] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "again",
    ["docker stderr: {}", "ERROR: {}", "docker stdout: > {}", "docker stderr: #8 {}", "> #12 0.312 {}"],
)
def test_what_is_said_again_at_the_end_is_counted(again: str) -> None:
    said = "exec /bin/sh: exec format error"
    (found,) = diagnose([f"#8 0.312 {said}\n{again.format(said)}\n".encode()]).found
    assert ([row.line for row in found.evidence], found.more) == ([1], 1)


def test_memory_is_constant() -> None:
    """Ten times the log, the same memory: counted, not timed."""

    def log(count: int) -> Iterator[bytes]:
        for number in range(count):
            end = f"docker stderr: no matching manifest for linux/amd64, {number}\n"
            yield b"#12 3.456 building step, all is well\n" * 1000 + end.encode()

    def peak(chunks: Iterable[bytes]) -> int:
        diagnose([LINE.encode()])
        tracemalloc.start()
        found = diagnose(chunks)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert kinds(found) == ["no-matching-manifest"]
        return highest

    few, many = peak(log(20)), peak(log(200))
    assert many < few * 1.5


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("docker login ghcr.io -u acme -p hunter2", "hunter2"),
        ("docker login -u acme -phunter2 ghcr.io", "hunter2"),
        ("docker login -u acme --password 'two words' ghcr.io", "two words"),
        ("docker login -u acme --password=hunter2", "hunter2"),
        ("echo hunter2 | docker login -u acme --password-stdin", "hunter2"),
        ("KAMAL_REGISTRY_PASSWORD=hunter2 kamal deploy", "hunter2"),
        ('{"auths": {"ghcr.io": {"auth": "YWNtZTpodW50ZXIy"}}}', "YWNtZTpodW50ZXIy"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "eyJ"),
        ("https://acme:hunter2@registry.example.com", "hunter2"),
        ("denied for dckr_pat_0123456789abcdefghij", "0123456789"),
        ("GET https://acme:hunter2@registry.example.com/token: 401", "hunter2"),
        ("failed to fetch oauth token: bearer hunter2hunter2", "hunter2"),
        ("secret/token: hunter2", "hunter2"),
    ],
)
def test_secrets_are_hidden(line: str, secret: str) -> None:
    assert secret not in hidden(line)


@pytest.mark.parametrize(
    "line",
    [
        "docker login -u [REDACTED] -p [REDACTED]",
        'docker login -p "$TOKEN"',
        LINE,
        "failed to authorize: failed to fetch oauth token: unexpected status from POST request to"
        " https://auth.docker.io/token: 401 Unauthorized: unauthorized: incorrect username or password",
        "failed to fetch anonymous token: unexpected status from GET request to"
        " https://ghcr.io/token?scope=repository%3Aacme%2Fshop%3Apull&service=ghcr.io: 403 Forbidden",
        "validator.rb:12:in `error': registry/password: is required (Kamal::ConfigurationError)",
    ],
)
def test_what_is_no_secret_is_shown(line: str) -> None:
    assert hidden(line) == line


def test_values_of_the_app_s_secret_files_are_hidden(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "deploy.yml").write_text("service: a\nimage: a/b\nservers: [h.example]\n")
    (tmp_path / ".env").write_text("GREETING=correct-horse\n")
    (tmp_path / "log").write_text("unauthorized: correct-horse\n")
    for form in ("text", "json"):
        result = command("diagnose", tmp_path / "log", "-C", tmp_path, "--format", form)
        assert (result.code, "correct-horse" in result.out) == (0, False)


def test_the_first_is_the_root() -> None:
    log = b"docker stderr: Error: target failed to become healthy\nexec /bin/app: exec format error\n"
    assert kinds(diagnose([log])) == ["exec-format-error", "unhealthy-target"]


# Situation (a): basecamp/kamal#771.


def test_771_is_named_and_what_builder_writes_pushes(tmp_path: Path) -> None:
    from kamal_migrate.disk import read
    from kamal_migrate.engine import plan
    from kamal_migrate.findings import Options

    case = FOLDER / "image-not-pushed" / "multiarch-false"
    report = diagnosed(str(case / "log.txt"), case / "app")
    (found,) = report.diagnosis.found
    assert (found.cause.id, found.cause.codemod) == ("image-not-pushed", "builder")
    assert [str(remark.location) for remark in report.remarks[0]] == ["config/deploy.yml:14"]

    project = read(case / "app").project
    (before,) = views(project, project.configs[0])
    assert not build_plan(before, Version(1, 4)).pushes
    for target in (NEWEST, Version(1, 9, 3)):
        options = Options(to=target, arch=Evidence("arm64", "--arch"), select=("builder",))
        after = plan(project, catalog(), options).after
        (view,) = views(after, after.configs[0])
        build = build_plan(view, target)
        assert (build.refusal, build.pushes, build.arches) == ("", True, ("arm64",))


# The command.


def test_exit_codes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("all is well\n")
    nothing = command("diagnose", log, "-C", tmp_path)
    assert (nothing.code, nothing.err) == (1, "")
    assert "no cause that is known" in " ".join(nothing.out.split())
    log.write_text(LINE)
    assert command("diagnose", log, "-C", tmp_path).code == 0
    for arguments, words in (
        ((tmp_path / "none",), "no such file"),
        ((tmp_path,), "this is a folder"),
        ((log, "-C", tmp_path / "none"), "no such folder"),
        ((log, "-C", tmp_path, "-c", "none.yml"), "none.yml: no such file"),
        ((log, "--format", "xml"), "--format"),
    ):
        result = command("diagnose", *arguments)
        assert (result.code, result.out) == (2, "")
        assert words in result.err


def test_what_is_compressed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs.zip").write_bytes(b"PK\x03\x04rest")
    result = command("diagnose", tmp_path / "logs.zip", "-C", tmp_path)
    assert (result.code, result.err) == (2, f"{tmp_path}/logs.zip: this is compressed; unpack it first\n")


def test_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in ((), ("-",)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LINE.encode())))
        report = diagnosed(arguments[0] if arguments else None, tmp_path)
        assert kinds(report.diagnosis) == ["image-not-pushed"]
        assert report.log == "standard input"


def test_a_terminal_is_no_log() -> None:
    from tests.commanding import on_terminal

    result = on_terminal("", "diagnose")
    assert result.code == 2
    assert "wants a log" in result.err


def test_a_config_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    case = FOLDER / "refused-config" / "broken-config-here"
    report = diagnosed(str(case / "log.txt"), case / "app")
    assert "config/deploy.yml:2:1" in report.note
    assert diagnosed(str(case / "log.txt"), tmp_path).note == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (KAMAL_2, ["built for linux/amd64"]),
        (FALSE, ["`multiarch: false`: built for the machine that runs Kamal"]),
        (HEAD + "builder: {local: {arch: arm64}}\n", ["built for linux/arm64"]),
    ],
)
def test_an_app_that_pins_no_version_is_read_as_its_keys_say(
    tmp_path: Path, text: str, said: list[str]
) -> None:
    (tmp_path / "log").write_text("exec /bin/sh: exec format error\n", encoding="utf-8")
    report = diagnosed(str(tmp_path / "log"), make_app(tmp_path / "app", text))
    assert [remark.text for rows in report.remarks for remark in rows] == said


def test_json() -> None:
    case = FOLDER / "no-matching-manifest" / "accessory-host"
    told = json.loads(as_json(diagnosed(str(case / "log.txt"), case / "app")))
    (cause,) = told["causes"]
    assert (told["schema_version"], cause["id"]) == (1, "no-matching-manifest")
    assert cause["evidence"][0]["host"] == "10.0.0.4"
    assert any("2.3 (Gemfile.lock) pulls the app's image there too" in row["text"] for row in cause["here"])
    assert {(row["path"], row["line"]) for row in cause["here"]} == {
        ("config/deploy.yml", 15),
        ("config/deploy.yml", 17),
    }


@pytest.mark.parametrize("cause", sorted({name for cause in CAUSES for name in (cause.id, cause.kind)}))
def test_explain(cause: str) -> None:
    found = explanation(cause)
    assert found
    assert all(len(line.text) <= WIDTH or line.style == "new" for line in found)


def test_explain_as_a_command() -> None:
    result = command("explain", "image-not-pushed")
    assert (result.code, result.err) == (0, "")
    assert "kamal-migrate --select builder" in result.out
    assert command("explain", "no-such-cause").code == 2


def test_blocks_count_lines() -> None:
    found = list(blocks([b"a\nb", b"\nc\n", b"d"]))
    assert [(block.number, block.text) for block in found] == [(1, "a\n"), (2, "b\nc\n"), (4, "d")]
