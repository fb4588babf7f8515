"""Options of the test run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests import profiles

profiles.load()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update", action="store_true", help="write after/ and findings.txt of the fixtures as found"
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell that runs this in the background has it ignore Ctrl-C, and nohup the end of the terminal.
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
    if config.getoption("update") and os.environ.get("CI"):
        raise pytest.UsageError("--update is refused where CI is set: golden files are written by people")


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the tool remembers of its writing goes to a folder of the test run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield
