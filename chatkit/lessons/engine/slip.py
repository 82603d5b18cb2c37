"""The slip of paper on which a notebook is told ✓ or ✗."""

from html import escape


def slip(good: bool, words: str) -> str:
    """Return words as HTML with a green or red edge, in the colours of JupyterLab's theme."""
    colour = "--jp-success-color1, green" if good else "--jp-error-color1, firebrick"
    style = (
        f"border-left: 4px solid var({colour}); padding: 4px 12px; margin: 0;"
        " white-space: pre-wrap; word-break: normal; background: none"
    )
    return f'<pre style="{style}">{escape(words)}</pre>'
