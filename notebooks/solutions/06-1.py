# Exercise 06-1
def my_page(title):
    """Return the page's HTML, under this title."""
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    return html.replace("Welcome to chat", escape(title))
