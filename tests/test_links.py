"""Links to a server beside the kernel, and to the one in Jupyter, with and without a Hub."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatkit.links import JUPYTER_FILE, jupyter_path, jupyter_url, page_link, proxy_path
from chatkit.messages import ChatkitError


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)


def test_on_one_s_own_machine_the_link_leads_straight_to_the_server(no_hub: None):
    assert page_link(8765) == "http://127.0.0.1:8765/"


def test_on_one_s_own_machine_jupyter_passes_the_port_on_too(no_hub: None):
    assert proxy_path(8765) == "/proxy/8765/"


def test_behind_a_hub_both_lead_through_the_user_s_own_prefix(hub: None):
    assert page_link(8765) == proxy_path(8765) == "/user/ada/proxy/8765/"


@pytest.fixture
def told(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Jupyter server that tells this of itself, besides what all of them tell."""
    server: dict[str, Any] = {"url": "http://localhost:8888/user/ada/", "base_url": "/user/ada/"}
    server |= {"token": "a token", "password": False} | getattr(request, "param", {})
    file = tmp_path / "jpserver-1.json"
    file.write_text(json.dumps(server), encoding="utf-8")
    monkeypatch.setenv(JUPYTER_FILE, str(file))


@pytest.mark.usefixtures("told")
def test_a_program_that_jupyter_has_started_knows_the_chat_in_it():
    assert jupyter_url() == "http://localhost:8888/user/ada/chatkit/?token=a+token"
    assert jupyter_path() == "/user/ada/chatkit/"


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("told", [{"token": ""}], indirect=True)
def test_where_nobody_has_to_log_in_there_is_no_token():
    assert jupyter_url() == "http://localhost:8888/user/ada/chatkit/"


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("told", [{"token": "", "password": True}], indirect=True)
def test_by_a_password_a_program_can_t_log_in():
    with pytest.raises(ChatkitError, match="has a password and no token"):
        jupyter_url()
    assert jupyter_path() == "/user/ada/chatkit/"


@pytest.mark.parametrize("value", [None, "no/such/file.json", __file__])
def test_where_no_jupyter_has_started_it_that_is_said(
    value: str | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv(JUPYTER_FILE, raising=False)
    if value is not None:
        monkeypatch.setenv(JUPYTER_FILE, value)
    for ask in (jupyter_url, jupyter_path):
        with pytest.raises(ChatkitError, match="No Jupyter server with chatkit in it"):
            ask()
