# Exercise 06-2
def socket_url_for(page_url):
    """Return the address of the socket that belongs to a page, as socket.js would."""
    scheme, _, rest = urljoin(page_url, "ws").partition(":")
    return f"{'wss' if scheme == 'https' else 'ws'}:{rest}"
