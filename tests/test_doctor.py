"""What the doctor finds: on this machine, and where something is amiss."""

import socket
from pathlib import Path

import pytest

from chatkit import doctor
from chatkit.doctor import Report, examine


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
    assert repr(report).endswith("Mend what is marked ✗, then ask again.")


def test_a_page_that_did_not_come_along_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(doctor, "STATIC", tmp_path)
    report = Report()
    doctor.look_at_files(report)
    assert not report.well
    assert "install chatkit again" in finding(report, "page")[1]


async def test_a_taken_port_is_no_illness(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(doctor, "PORT", port)
        report = Report()
        await doctor.look_at_port(report)
    fine, words = finding(report, "port")
    assert fine
    assert words.startswith(f"Port {port} is held by")
    assert words.endswith("launch() takes the next free one by itself.")


async def test_a_message_that_does_not_come_is_an_illness(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "ANSWER_TIMEOUT", 0)
    report = Report()
    await doctor.send_to_itself(report)
    words = "sent to itself, did not come: nothing within 0 seconds"
    assert finding(report, "message") == (False, words)


def test_in_a_notebook_the_words_are_escaped():
    report = Report()
    report.add("<b>", True, "&")
    assert "&lt;b&gt;" in report._repr_html_()
