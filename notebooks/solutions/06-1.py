# Exercise 06-1
from tempfile import mkdtemp


def my_app(title):
    """Return an Application: a copy of the page under this title, and a chat at /ws."""
    folder = Path(mkdtemp(dir=home.name)) / "page"  # inside home, so that it goes when home goes
    copytree(STATIC, folder)
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    html = html.replace("Welcome to chat", escape(title))
    (folder / "index.html").write_text(html, encoding="utf-8")
    chat = (r"/ws", ChatSocket, {"room": Room(), "codec": JSON})
    return Application([chat, *page_routes(folder)], log_function=log_request)
