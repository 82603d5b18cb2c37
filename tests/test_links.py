"""Links to a server beside the kernel, with and without a Hub in front."""

import pytest

from chatkit.links import page_link, proxy_path


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
