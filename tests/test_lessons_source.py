"""`show_js`: what a lesson shows of the page is what the page's files hold."""

import ast
from collections.abc import Iterator

import nbformat
import pytest

from chatkit.lessons import show_js
from chatkit.paths import NOTEBOOKS, STATIC


def calls_in_lessons() -> Iterator[tuple[str, ...]]:
    for lesson in sorted(NOTEBOOKS.glob("*.ipynb")):
        for cell in nbformat.read(lesson, as_version=4).cells:
            if cell.cell_type == "code" and "show_js(" in cell.source:
                for node in ast.walk(ast.parse(cell.source)):
                    match node:
                        case ast.Call(func=ast.Name("show_js"), args=args):
                            yield tuple(ast.literal_eval(arg) for arg in args)


def test_every_definition_that_a_lesson_shows_is_still_there():
    calls = list(calls_in_lessons())
    assert calls
    for call in calls:
        show_js(*call)


@pytest.mark.parametrize(
    ("file", "name", "first", "last"),
    [
        ("socket.js", "socketUrl", "/** The address", "}"),
        ("socket.js", "ChatSocket.connect", "/** Opens", "}"),
        ("socket.js", "ChatSocket", "/**", "}"),
        ("codec.js", "codecs", "/** The codecs", "};"),
        ("view.js", "MEMORY", "/** How many", "export const MEMORY = 1000;"),
    ],
)
def test_a_definition_comes_whole_with_its_comment(file: str, name: str, first: str, last: str):
    caption, blank, *lines = repr(show_js(file, name)).splitlines()
    assert (caption, blank) == (f"// static/{file}", "")
    assert lines[0].startswith(first)
    assert lines[-1] == last
    code = [line.strip() for line in (STATIC / file).read_text(encoding="utf-8").splitlines()]
    start = code.index(lines[0].strip())
    if name != "ChatSocket":  # other comments begin like the class's
        assert code[start : start + len(lines)] == [line.strip() for line in lines]
    text = "\n".join(lines)
    assert text.count("{") == text.count("}")


def test_jupyter_shows_it_highlighted():
    markdown = show_js("main.js", "init")._repr_markdown_()
    assert markdown.startswith("```js\n// static/main.js\n")
    assert markdown.endswith("}\n```")


@pytest.mark.parametrize("name", ["socket", "ChatSocket.nowhere", "nowhere.connect"])
def test_a_name_that_is_not_there_is_an_error(name: str):
    with pytest.raises(LookupError, match="defines no"):
        show_js("socket.js", name)
