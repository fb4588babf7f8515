"""Real servers of git on this machine: http, ssh, and one that never answers."""

from __future__ import annotations

import base64
import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

_SSHD = shutil.which(
    "sshd", path=os.pathsep.join(["/usr/sbin", "/usr/local/sbin", os.environ.get("PATH", "")])
)
_WAIT = 10
# Where sshd shuts itself in while it does not know yet who is there; its service makes it, where that runs.
_SHUT_IN = Path("/run/sshd")


@dataclass
class Http:
    """A server over http: its address, what it was asked, and who may push."""

    url: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def http(folder: Path, user: str | None = None, password: str | None = None) -> Iterator[Http]:
    """Serve the repositories in a folder by git's own http-backend; with a user, to that one only."""
    backend = Path(subprocess.check_output(["git", "--exec-path"], text=True).strip()) / "git-http-backend"
    if not backend.exists():
        pytest.skip("this git has no http-backend")
    wanted = base64.b64encode(f"{user}:{password}".encode()).decode() if user else None
    served = Http("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            served.asked.append(f"{self.command} {self.path}")
            if wanted and self.headers.get("Authorization") != f"Basic {wanted}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.end_headers()
                return
            head, _, body = _run(backend, folder, self, user or "").partition(b"\r\n\r\n")
            lines = [line.split(": ", 1) for line in head.decode().split("\r\n")]
            status = dict(line for line in lines if len(line) == 2).get("Status", "200 OK")
            self.send_response(int(status.split()[0]))
            for name, value in (line for line in lines if len(line) == 2):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _run(backend: Path, folder: Path, asked: BaseHTTPRequestHandler, user: str) -> bytes:
    path, _, query = asked.path.partition("?")
    headers = asked.headers
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": asked.command,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("Content-Type", ""),
        "CONTENT_LENGTH": headers.get("Content-Length", ""),
        "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": headers.get("Git-Protocol", ""),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": user,
    }
    body = asked.rfile.read(int(headers.get("Content-Length") or 0))
    run = subprocess.run([backend], input=body, env=environment, capture_output=True, check=False)
    return run.stdout


@dataclass(frozen=True)
class Ssh:
    """A server over ssh: how an address begins there, and the command that may log in."""

    url: str
    command: str
    known_hosts: Path


@contextmanager
def ssh(folder: Path) -> Iterator[Ssh]:
    """A server of ssh that lets one new key in, as the user who runs the tests."""
    if not _SSHD or not shutil.which("ssh") or not shutil.which("ssh-keygen"):
        pytest.skip("there is no sshd on this machine")
    if os.geteuid() == 0 and not _SHUT_IN.is_dir():
        try:
            _SHUT_IN.mkdir(mode=0o755)
        except OSError as error:
            pytest.skip(f"sshd as root wants an empty folder {_SHUT_IN}: {error}")
    folder.mkdir()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized_keys").write_bytes((folder / "user.pub").read_bytes())
    port = _free_port()
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "AcceptEnv": "GIT_PROTOCOL",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([_SSHD, "-D", "-e", "-f", folder / "config"], stderr=log)
    try:
        _wait_for(port, process, folder / "log")
        login = f"ssh -F none -i {folder / 'user'} -o IdentitiesOnly=yes -o UserKnownHostsFile={known}"
        place = f"ssh://{getpass.getuser()}@127.0.0.1:{port}"
        tried = subprocess.run(
            [*login.split(), "-o", "BatchMode=yes", place, "true"],
            capture_output=True,
            text=True,
            check=False,
        )
        if tried.returncode:
            pytest.skip(f"nobody can log in as {getpass.getuser()}: {tried.stderr.strip()}")
        yield Ssh(place, login, known)
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _WAIT
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.skip(f"sshd does not start: {log.read_text().strip()}")
        with socket.socket() as found:
            if found.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail("sshd does not listen")


@contextmanager
def silent() -> Iterator[str]:
    """The address of a server that takes connections, and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
