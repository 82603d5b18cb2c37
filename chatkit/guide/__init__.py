"""A whole small chat: frames, broadcaster, codecs, handler, server, client, widget and page.

The lessons of Part I build every line of it, and of `static/guide/`.
"""
