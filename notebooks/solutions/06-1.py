# Exercise 06-1
from tempfile import mkdtemp


def my_app(title):
    """Return an Application: a copy of the page under this title, and a chat at /ws."""
    folder = Path(mkdtemp(dir=home.name)) / "page"
    copytree(STATIC, folder)
    page = folder / "index.html"
    html = page.read_text(encoding="utf-8").replace("Welcome to chat", escape(title))
    page.write_text(html, encoding="utf-8")
    chat = (r"/ws", ChatSocket, {"room": Room(), "codec": JSON})
    return Application([chat, *page_routes(folder)], log_function=log_request)
