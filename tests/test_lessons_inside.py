"""The Jupyter of a lesson's own, for where none shows the notebook."""

import psutil
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from chatkit.lessons.inside import inside_jupyter
from chatkit.links import JUPYTER_FILE

pytestmark = pytest.mark.timeout(60)


async def test_only_who_has_its_token_gets_in_and_the_list_of_processes_does_not_tell_it(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv(JUPYTER_FILE, raising=False)
    inside = await inside_jupyter()
    try:
        assert inside.own
        assert inside.own.token not in " ".join(psutil.Process(inside.own.process.pid).cmdline())
        assert (await AsyncHTTPClient().fetch(inside.url)).code == 200
        foreign = inside.url.replace(inside.own.token, "guess")
        with pytest.raises(HTTPClientError, match="302"):  # to the login
            await AsyncHTTPClient().fetch(foreign, follow_redirects=False)
    finally:
        inside.stop()
