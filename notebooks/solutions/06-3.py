# Exercise 06-3
import re


def unsafe_lines(source):
    """Return the numbers, from 1, of the lines that a page should not have."""
    unsafe = re.compile(r"""innerHTML|ws://|["']/""")
    return [number for number, line in enumerate(source.splitlines(), 1) if unsafe.search(line)]
