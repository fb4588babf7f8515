"""Asking hosts what they run: the command that is run, what its answers mean, and a real sshd."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from kamal_migrate import probing
from kamal_migrate.kamal.loading import View, views
from kamal_migrate.kamal.ssh import CannotReach, Login, Ssh, login, ssh_of
from kamal_migrate.kamal.versions import Version
from kamal_migrate.probing import Answer, Done, NoSsh, Target, command, found_ssh, probe, shown
from kamal_migrate.project import Project
from tests.commanding import Result, make_app
from tests.commanding import command as run

NEWEST = Version(2, 12)
HERE = Path()


def view_of(ssh: str) -> View:
    text = f"service: shop\nimage: acme/shop\nservers: [192.0.2.1]\n{ssh}"
    project = Project("shop", {"config/deploy.yml": text})
    return views(project, project.configs[0])[0]


def words_for(ssh: str = "", host: str = "192.0.2.1", version: Version = NEWEST) -> list[str]:
    return command(Target(host, ssh_of(view_of(ssh), version), HERE), "ssh", 10)


def test_nothing_can_ask_and_nothing_is_forwarded() -> None:
    words = words_for()
    assert words[:5] == ["ssh", "-n", "-T", "-a", "-x"]
    assert words[-3:] == ["--", "192.0.2.1", "uname -m"]
    options = [words[number + 1] for number, word in enumerate(words) if word == "-o"]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", "ClearAllForwardings=yes"} <= {*options}
    assert {"PermitLocalCommand=no", "ControlPath=none", "ConnectTimeout=10"} <= {*options}
    assert not [option for option in options if option.startswith(("Proxy", "IdentitiesOnly"))]


def following(words: Sequence[str], flag: str) -> list[str]:
    return [words[number + 1] for number, word in enumerate(words) if word == flag]


@pytest.mark.parametrize(
    ("ssh", "version", "flag", "expected"),
    [
        ("", NEWEST, "-l", ["root"]),
        ("ssh: {user: app}\n", NEWEST, "-l", ["app"]),
        ("", NEWEST, "-p", ["22"]),
        ('ssh: {port: "2222"}\n', NEWEST, "-p", ["2222"]),
        ("ssh: {port: 2222}\n", Version(1, 1), "-p", []),
        ("ssh: {keys: [a.pem, /b.pem]}\n", NEWEST, "-i", ["a.pem", "/b.pem"]),
        ("ssh: {keys: [a.pem]}\n", Version(1, 7, 3), "-i", []),
        ("ssh: {config: false}\n", NEWEST, "-F", ["none"]),
        ("ssh: {config: true}\n", NEWEST, "-F", []),
        ("ssh: {config: own}\n", NEWEST, "-F", ["own"]),
        ("ssh: {config: [own]}\n", NEWEST, "-F", ["own"]),
        ("ssh: {config: own}\n", Version(2, 8, 2), "-F", []),
    ],
)
def test_the_settings_count_as_for_the_version(
    ssh: str, version: Version, flag: str, expected: list[str]
) -> None:
    assert following(words_for(ssh, version=version), flag) == expected


def test_the_home_of_the_user() -> None:
    assert following(words_for("ssh: {keys: [~/.ssh/id]}\n"), "-i") == [str(Path.home() / ".ssh/id")]


def test_keys_only() -> None:
    assert "IdentitiesOnly=yes" in words_for("ssh: {keys_only: true, keys: [a]}\n")


def proxied(words: Sequence[str]) -> str:
    (found,) = [word for word in words if word.startswith("ProxyCommand=")]
    return found.removeprefix("ProxyCommand=")


def test_a_jump_host_is_checked_as_well() -> None:
    through = shlex.split(proxied(words_for("ssh: {proxy: bastion.example.com, config: own}\n")))
    assert through[-4:] == ["-W", "[%h]:%p", "--", "bastion.example.com"]
    assert following(through, "-l") == ["root"]
    assert following(through, "-F") == ["own"]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes"} <= {*following(through, "-o")}
    other = shlex.split(proxied(words_for("ssh: {proxy: 'me@[2001:db8::1%eth0]:2200'}\n")))
    assert (following(other, "-l"), following(other, "-p"), other[-1]) == (
        ["me"],
        ["2200"],
        "2001:db8::1%%eth0",
    )


def test_the_configs_own_command() -> None:
    ssh = "ssh: {proxy_command: 'cloudflared access ssh --hostname %h'}\n"
    assert proxied(words_for(ssh)) == "cloudflared access ssh --hostname %h"
    target = Target("192.0.2.1", ssh_of(view_of(ssh), NEWEST), HERE)
    assert "through the config's own `cloudflared access ssh --hostname %h`" in shown(target)


def test_a_config_for_ssh_is_named_for_it_can_run_commands() -> None:
    for ssh, said in (("", ""), ("own", ", with `-F own`"), ("false", ", without a config of ssh")):
        target = Target("a", ssh_of(view_of(f"ssh: {{config: {ssh}}}\n"), NEWEST), HERE)
        assert shown(target) == f"`uname -m` by ssh as root{said}"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.1", Login("192.0.2.1")),
        ("app@shop.example.com:2222", Login("shop.example.com", "app", "2222")),
        ("shop_1:22", Login("shop_1", "", "22")),
        ("2001:db8::1", Login("2001:db8::1")),
        ("[2001:db8::1]:22", Login("2001:db8::1", "", "22")),
        ("a", Login("a")),
    ],
)
def test_hosts(host: str, expected: Login) -> None:
    assert login(host) == expected


@pytest.mark.parametrize(
    "host",
    ["-oProxyCommand=id", "-", "a b", "a;id", "$(id)", "a\nb", "`id`", "", "a@-b", "-l@a", "a/b", "ä.example",
     "a:", "a:999999", "a'b", "app@"],
)  # fmt: skip
def test_what_is_no_host_is_not_given_to_ssh(host: str) -> None:
    with pytest.raises(CannotReach, match="its name is none that ssh could be given"):
        login(host)
    asked: list[object] = []

    def never(*arguments: object) -> Done:
        asked.append(arguments)
        return Done(0, "x86_64", "")

    (answer,) = probe([Target(host, Ssh(), HERE)], "ssh", never)
    assert answer.why_not
    assert not asked


@pytest.mark.parametrize(
    ("ssh", "message"),
    [
        ("ssh: {user: '<%= me %>'}\n", "ssh.user is ERB, which is not evaluated"),
        ("ssh: {keys: ['<%= key %>']}\n", "ssh.keys is ERB, which is not evaluated"),
        ("ssh: {user: -oProxyCommand=id}\n", "ssh.user is `-oProxyCommand=id`, which is no name of a user"),
        ("ssh: {port: 22a}\n", "ssh.port is `22a`, which is no port"),
        (
            "ssh: {proxy: -oProxyCommand=id}\n",
            "ssh.proxy is `-oProxyCommand=id`, and one host is all that can be gone through here",
        ),
        ("ssh: {proxy: 'a,b'}\n", "ssh.proxy is `a,b`, and one host is all that can be gone through here"),
        ("ssh: {config: [a, b]}\n", "ssh.config names several files, and ssh takes one"),
    ],
)
def test_settings_that_cannot_be_used(ssh: str, message: str) -> None:
    with pytest.raises(CannotReach, match=f"{re.escape(message)}$"):
        ssh_of(view_of(ssh), NEWEST)


def answered(code: int | None, out: str = "", err: str = "", ssh: Ssh | None = None) -> Answer:
    known = Ssh("app", "2222") if ssh is None else ssh
    (answer,) = probe([Target("192.0.2.1", known, HERE)], "ssh", lambda *_: Done(code, out, err), 5)
    return answer


@pytest.mark.parametrize(
    ("said", "arch"),
    [("x86_64\n", "amd64"), ("aarch64\n", "arm64"), ("arm64\n", "arm64"), ("amd64", "amd64")],
)
def test_what_hosts_say(said: str, arch: str) -> None:
    found = answered(0, said).architecture
    assert found
    assert (found.value, found.source) == (arch, "uname -m on 192.0.2.1")


@pytest.mark.parametrize(
    ("code", "out", "err", "why"),
    [
        (0, "riscv64\n", "", "`uname -m` says `riscv64`, which is neither amd64 nor arm64"),
        (0, "Welcome!\nx86_64\n", "", "`uname -m` says something else, which is neither amd64 nor arm64"),
        (0, "\x1b[2J", "", "`uname -m` says something else, which is neither amd64 nor arm64"),
        (None, "", "", "no answer within 5 s"),
        (255, "", "Connection timed out during banner exchange\n", "no answer within 5 s"),
        (255, "", "ssh: connect to host 192.0.2.1 port 2222: Connection refused\r\n",
         "nothing listens on port 2222"),
        (255, "", "app@192.0.2.1: Permission denied (publickey).", "no key of yours is let in as app"),
        (255, "", "ssh: Could not resolve hostname x: Name or service not known",
         "its name is not known (DNS)"),
        (255, "", "No ED25519 host key is known for 192.0.2.1 and you have requested strict checking.\n"
         "Host key verification failed.", "its host key is not known here; connect once with"
         " `ssh app@192.0.2.1 -p 2222`, compare the fingerprint, and ask again"),
        (255, "", "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
         "its host key is not the one that is known here; find out why before anybody deploys"),
        (255, "", "first\n  odd words \n", "ssh says: odd words"),
        (3, "", "", "ssh ended with 3"),
    ],
)  # fmt: skip
def test_why_a_host_did_not_answer(code: int | None, out: str, err: str, why: str) -> None:
    assert answered(code, out, err) == Answer("192.0.2.1", None, why)


def test_keys_that_only_kamal_reads_are_named() -> None:
    ssh = ssh_of(view_of("ssh: {key_data: [SSH_KEY]}\n"), NEWEST)
    why = answered(255, "", "Permission denied (publickey).", ssh).why_not
    assert why == (
        "no key of yours is let in as root; keys in ssh.key_data are for Kamal alone: add them to your agent"
    )


def test_every_host_is_asked_once_and_the_order_stays() -> None:
    asked: list[str] = []

    def answer(words: Sequence[str], folder: Path, seconds: float) -> Done:
        asked.append(words[-2])
        return Done(0, "x86_64", "")

    names = [f"192.0.2.{number}" for number in range(60)]
    found = probe([Target(name, Ssh(), HERE) for name in (*names, *names)], "ssh", answer)
    assert [one.host for one in found] == names
    assert sorted(asked) == sorted(names)


def test_without_ssh_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text("#!/bin/sh\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", ".")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoSsh, match="--probe needs the `ssh` command of OpenSSH, and there is none"):
        found_ssh()


def script(folder: Path, text: str) -> str:
    file = folder / "ssh"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_it_runs_without_a_terminal_and_without_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_ASKPASS", "/bin/ask")
    monkeypatch.setenv("DISPLAY", ":0")
    fake = script(
        tmp_path,
        '[ -z "$SSH_ASKPASS$DISPLAY" ] && [ "$LC_ALL" = C ] && [ ! -t 0 ] || exit 1\n'
        '(: </dev/tty) 2>/dev/null && exit 2\n[ "$PWD" = "$(dirname "$0")" ] && echo aarch64',
    )
    (answer,) = probe([Target("a", Ssh(), tmp_path.resolve())], fake)
    assert answer.architecture, answer.why_not
    assert answer.architecture.value == "arm64"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sleep 60 & sleep 60", "no answer within 0.1 s"),
        ("yes x86_64", "no answer within 0.1 s"),
        ("yes >&2", "no answer within 0.1 s"),
        ("head -c 100000 /dev/zero; exit 0", "no answer within 0.1 s"),
    ],
)
def test_what_never_ends_is_stopped(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that it started, so that nothing goes on behind it."""
    monkeypatch.setattr(probing, "GRACE", 0)
    (answer,) = probe([Target("a", Ssh(), tmp_path)], script(tmp_path, text), seconds=0.1)
    assert answer == Answer("a", None, why)


def test_a_command_that_cannot_be_run(tmp_path: Path) -> None:
    (answer,) = probe([Target("a", Ssh(), tmp_path)], str(tmp_path / "nothing"))
    assert answer.why_not == "ssh says: No such file or directory"


class Server(NamedTuple):
    """A real sshd on this machine: its port, and a folder with `id`, `known_hosts` and a config for ssh."""

    port: int
    folder: Path


SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Started for the tests of this file, with keys to throw away, and a `uname` that says aarch64."""
    if SSHD is None or not shutil.which("ssh") or not shutil.which("ssh-keygen"):
        pytest.skip("there is no sshd here (Debian: openssh-server)")
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("id", "host_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True
        )
    (folder / "bin").mkdir()
    (folder / "bin" / "uname").write_text('#!/bin/sh\n[ "$*" = -m ] && echo aarch64\n')
    (folder / "bin" / "uname").chmod(0o755)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
    (folder / "ssh_config").write_text(
        f"UserKnownHostsFile {folder}/known_hosts\nGlobalKnownHostsFile none\nIdentityFile {folder}/id\n"
    )
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/id.pub\nStrictModes no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        f"SetEnv PATH={folder}/bin:/usr/bin:/bin\n"
    )
    with _serving(folder, port):
        yield Server(port, folder)


@contextmanager
def _serving(folder: Path, port: int) -> Iterator[None]:
    """sshd, until the end; as root it wants a folder of its own."""
    own = Path("/run/sshd")
    made = os.geteuid() == 0 and not own.exists()
    if made:
        own.mkdir(mode=0o755)
    try:
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
        try:
            if not _listens(process, port):
                pytest.skip(f"sshd does not start: {(folder / 'log').read_text()[-300:]}")
            yield
        finally:
            process.terminate()
            process.wait(10)
    finally:
        if made:
            own.rmdir()


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    for _ in range(200):
        if process.poll() is not None:
            return False
        with closing(socket.socket()) as client:
            client.settimeout(0.1)
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def asked(server: Server, app: Path, hosts: str, *more: str, ssh: str = "") -> Result:
    text = (
        f"service: shop\nimage: acme/shop\nservers: [{hosts}]\nbuilder: {{arch: arm64}}\n"
        f"registry: {{username: acme, password: [TOKEN]}}\nssh:\n  user: {getpass.getuser()}\n"
        f"  port: {server.port}\n  config: {server.folder}/ssh_config\n{ssh}"
    )
    return run("hosts", "-C", make_app(app, text), "--probe", *more)


def words(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


def test_a_real_host_is_asked(sshd: Server, tmp_path: Path) -> None:
    result = asked(sshd, tmp_path, "127.0.0.1", ssh=f"  keys: [{sshd.folder}/id]\n  keys_only: true\n")
    assert result.code == 0, result
    assert "127.0.0.1  web    pulled     arm64\n" in result.out, (sshd.folder / "log").read_text()
    assert "what they run: uname -m\n" in result.out
    user = getpass.getuser()
    assert words(result.err) == (
        f"asking 127.0.0.1: `uname -m` by ssh as {user}, port {sshd.port}, with {sshd.folder}/id,"
        f" with `-F {sshd.folder}/ssh_config`"
    )


def test_a_host_whose_key_nobody_knows_is_not_talked_to(sshd: Server, tmp_path: Path) -> None:
    result = asked(sshd, tmp_path, "127.0.0.1, localhost")
    assert result.code == 0
    assert "127.0.0.1  web    pulled     arm64\n" in result.out
    assert "localhost  web    pulled\n" in result.out
    assert "Did not answer\n  localhost: its host key is not known here; connect once with `ssh" in result.out


def test_a_key_that_is_not_let_in(sshd: Server, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    config = tmp_path / "config_of_ssh"
    config.write_text(f"UserKnownHostsFile {sshd.folder}/known_hosts\n")
    text = "service: shop\nimage: a/b\nservers: [127.0.0.1]\nbuilder: {arch: amd64}\n"
    text += f"ssh: {{user: {getpass.getuser()}, port: {sshd.port}, config: {config}, "
    text += f"keys: [{other}], keys_only: true}}\n"
    result = run("hosts", "-C", make_app(tmp_path / "app", text), "--probe")
    assert f"127.0.0.1: no key of yours is let in as {getpass.getuser()}\n" in result.out


@pytest.mark.parametrize(
    "through",
    [
        "  proxy: {user}@127.0.0.1:{port}\n",
        "  proxy_command: ssh -F {folder}/ssh_config -o BatchMode=yes -p {port} -W %h:%p {user}@127.0.0.1\n",
    ],
    ids=["proxy", "proxy_command"],
)
def test_through_another_host(through: str, sshd: Server, tmp_path: Path) -> None:
    said = through.format(user=getpass.getuser(), port=sshd.port, folder=sshd.folder)
    result = asked(sshd, tmp_path, "127.0.0.1", ssh=said)
    assert "127.0.0.1  web    pulled     arm64\n" in result.out, (result, (sshd.folder / "log").read_text())
    assert ", through " in words(result.err)


def test_a_jump_host_whose_key_nobody_knows_is_not_talked_to(sshd: Server, tmp_path: Path) -> None:
    said = f"  proxy: {getpass.getuser()}@localhost:{sshd.port}\n"
    result = asked(sshd, tmp_path, "127.0.0.1", ssh=said)
    assert "Did not answer\n  127.0.0.1: its host key is not known here" in result.out, result


def test_the_answers_are_kept(sshd: Server, tmp_path: Path) -> None:
    kept = tmp_path / "inventory.yml"
    kept.write_text("# by hand\n127.0.0.1: amd64 # until May\n192.0.2.7: amd64\n")
    result = asked(sshd, tmp_path / "app", "127.0.0.1, localhost", "--write-inventory", str(kept))
    assert result.code == 0, result
    assert kept.read_text() == "# by hand\n127.0.0.1: arm64 # until May\n192.0.2.7: amd64\n"
    assert result.err.endswith(f"kept in {kept}: 127.0.0.1\n")
    again = run("hosts", "-C", tmp_path / "app", "--inventory", kept)
    assert "127.0.0.1  web    pulled     arm64\n" in again.out


def test_a_host_that_listens_and_says_nothing(tmp_path: Path) -> None:
    if not shutil.which("ssh"):
        pytest.skip("there is no ssh here")
    with closing(socket.socket()) as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        ssh = Ssh("app", str(mute.getsockname()[1]), config="none")
        (answer,) = probe([Target("127.0.0.1", ssh, tmp_path)], found_ssh(), seconds=1)
    assert answer.why_not == "no answer within 1 s"
