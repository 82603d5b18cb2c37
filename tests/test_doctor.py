"""What the doctor finds: on this machine, and where something is amiss."""

import json
import socket
import sys
from pathlib import Path

import pytest

from chatkit import doctor
from chatkit.doctor import Report, examine
from chatkit.links import JUPYTER_FILE


def finding(report: Report, what: str) -> tuple[bool, str]:
    return next((fine, words) for name, fine, words in report.findings if name == what)


async def test_this_machine_is_ready():
    report = await examine()
    assert report.well, report
    assert [what for what, _, _ in report.findings] == [
        "Python",
        "tornado",
        "jupyterlab",
        "ipykernel",
        "ipywidgets",
        "anywidget",
        "jupyter-server-proxy",
        "page",
        "lessons",
        "chat in Jupyter",
        "port",
        "message",
    ]
    assert repr(report).count("✓") == len(report.findings)
    assert repr(report).endswith("This machine is ready.")


def test_what_is_missing_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "WIDGETS", ("no-such-widget",))
    report = Report()
    doctor.look_at_versions(report)
    missing = (False, "is missing: python -m pip install no-such-widget")
    assert finding(report, "no-such-widget") == missing
    assert not report.well
    assert repr(report).endswith("Fix what is marked ✗, then run this again.")


def test_a_page_that_did_not_come_along_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(doctor, "STATIC", tmp_path)
    report = Report()
    doctor.look_at_files(report)
    assert not report.well
    assert "install chatkit again" in finding(report, "page")[1]


def test_the_extension_that_is_switched_off_is_told_with_the_way_to_switch_it_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path))
    off = {"ServerApp": {"jpserver_extensions": {"chatkit": False}}}
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(off))
    report = Report()
    doctor.look_at_extension(report)
    fine, words = finding(report, "chat in Jupyter")
    assert not fine
    assert words.startswith("is off: jupyter server extension enable chatkit")


def test_in_a_notebook_it_is_told_where_the_chat_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    file = tmp_path / "jpserver-1.json"
    file.write_text('{"base_url": "/user/ada/"}')
    monkeypatch.setenv(JUPYTER_FILE, str(file))
    report = Report()
    doctor.look_at_extension(report)
    assert finding(report, "chat in Jupyter") == (True, "is on: /user/ada/chatkit/")


def test_where_there_is_no_jupyter_the_doctor_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "jupyter_server.extension.config", None)
    report = Report()
    doctor.look_at_extension(report)
    missing = "Jupyter is missing: python -m pip install jupyterlab"
    assert finding(report, "chat in Jupyter") == (False, missing)


async def test_a_taken_port_is_no_illness(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(doctor, "PORT", port)
        report = Report()
        await doctor.look_at_port(report)
    fine, words = finding(report, "port")
    assert fine
    assert words.startswith(f"{port} is held by this notebook or program itself")
    assert words.endswith("launch() finds another port by itself")


async def test_a_message_that_does_not_come_is_an_illness(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "ANSWER_TIMEOUT", 0)
    report = Report()
    await doctor.send_to_itself(report)
    words = "sent, but not received: nothing within 0 seconds"
    assert finding(report, "message") == (False, words)


def test_in_a_notebook_the_words_are_escaped():
    report = Report()
    report.add("<b>", True, "&")
    assert "&lt;b&gt;" in report._repr_html_()
