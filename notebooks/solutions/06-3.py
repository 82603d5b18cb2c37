# Exercise 06-3
UNSAFE = ("innerHTML", "ws://", '"/', "'/")


def unsafe_lines(source):
    """Return the numbers, from 1, of the lines that a page should not have."""
    lines = enumerate(source.splitlines(), 1)
    return [number for number, line in lines if any(mark in line for mark in UNSAFE)]
