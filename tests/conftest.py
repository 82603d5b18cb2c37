"""What all tests share."""

import os
import time

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long `make test` took in all: pytest itself knows nothing of lint and installing."""
    if started := os.environ.get("CHATKIT_STARTED"):
        minutes, seconds = divmod(int(time.time()) - int(started), 60)
        terminalreporter.write_line(f"make test took {minutes} min {seconds} s in all")
