"""Who comes in, and who may, in a Jupyter that knows people by name, as JupyterHub's does."""

from typing import Any

from jupyter_server.auth import Authorizer, IdentityProvider, User
from tornado.web import HTTPError

BOB, EVE = "bob's own token", "eve's own token"


def mode_of(handler: Any) -> Any:
    """What a request is for, as a browser tells."""
    return handler.request.headers.get("Sec-Fetch-Mode")


class Names(IdentityProvider):
    """Everyone has a token of their own; Jupyter's own token is its owner's, which is Ada."""

    async def get_user_token(self, handler: Any) -> User | None:
        """Whose token it is; JupyterHub takes it from a socket's address if that is called one."""
        if handler.request.path.endswith("/ws") and mode_of(handler) != "websocket":
            return None
        people = {self.token: "ada", BOB: "bob", EVE: "eve"}
        name = people.get(self.get_token(handler) or "")
        return User(name, display_name="The Teacher") if name else None

    def get_user_cookie(self, handler: Any) -> Any:
        """Who has logged in. JupyterHub wants more, from a page that loads a module or fetches."""
        if mode_of(handler) == "cors":
            handler._jupyter_current_user = None  # else Jupyter would say that it is too early
            try:
                handler.check_xsrf_cookie()
            except HTTPError:
                return None
        return super().get_user_cookie(handler)


class Rights(Authorizer):
    """Eve may do nothing."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        return user.username != "eve"
