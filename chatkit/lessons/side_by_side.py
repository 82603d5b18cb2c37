"""The page in a frame and the widget beside it: two people in one room. Lesson 00."""

from __future__ import annotations

from html import escape
from urllib.parse import quote, urlencode

from ipywidgets import HTML, HBox, Layout, VBox

from chatkit.links import page_link, proxy_path
from chatkit.server import LaunchedServer
from chatkit.widget import ChatWidget

HEIGHT = 480  # pixels
AROUND_LIST = 130  # pixels of that which the widget needs above and below its list
NARROWEST = 320  # pixels that a half needs; where two do not fit, they stand one below the other
# The widget's list is drawn by the browser: only a style can tell it how high to be.
STYLE = f"""<style>
.chatkit-beside {{ --chatkit-height: {HEIGHT - AROUND_LIST}px }}
.chatkit-beside iframe {{
  display: block; box-sizing: border-box; width: 100%; height: {HEIGHT}px;
  border: 1px solid var(--jp-border-color2, silver); border-radius: 10px;
}}
.chatkit-beside small a {{ color: var(--jp-content-link-color, blue); text-decoration: underline }}
</style>"""
GONE = "<p>Both have left the chat. With the server running, run this cell to bring them back.</p>"

_shown: SideBySide | None = None


class SideBySide(HBox):
    """The page of a server and a widget, each with a name of its own."""

    def __init__(self, server: LaunchedServer, at_page: str, at_widget: str) -> None:
        self.server = server
        self.chat = ChatWidget(server.url, at_widget)
        asked = {"token": server.server.token, "name": at_page}
        query = urlencode({key: value for key, value in asked.items() if value}, quote_via=quote)
        link = escape(f"{page_link(server.port)}?{query}")
        frame = HTML(f'{STYLE}<iframe src="{link}" title="The chat page"></iframe>')
        other = escape(f"{proxy_path(server.port)}?{query}")
        title = (
            f'The page. Is it empty? <a href="{other}" target="_blank">Open it through Jupyter</a>'
        )
        halves = [half(title, frame), half("The widget", self.chat)]
        super().__init__(halves, layout=Layout(flex_flow="row wrap", grid_gap="16px"))
        self.add_class("chatkit-beside")

    def leave(self) -> None:
        """Take both out of the chat, and leave a few words in their place."""
        self.children = [HTML(GONE)]
        self.chat.close()

    def __repr__(self) -> str:
        """Return what a notebook shows where it can't draw widgets."""
        return "The page and the widget, side by side: run this cell to chat"


def half(title: str, content: HTML | ChatWidget) -> VBox:
    """Return one half of the picture, with a title in HTML."""
    layout = Layout(flex=f"1 1 {NARROWEST}px", min_width=f"min({NARROWEST}px, 100%)", width="auto")
    content.layout.width = "auto"
    return VBox([HTML(f"<small>{title}</small>"), content], layout=layout)


def side_by_side(
    server: LaunchedServer, at_page: str = "Ada", at_widget: str = "Grace"
) -> SideBySide:
    """Return the page and the widget beside each other; those shown before leave the chat."""
    global _shown
    if _shown:
        _shown.leave()
    _shown = SideBySide(server, at_page, at_widget)
    return _shown
