"""Other servers that do the same work: each a program that prints its port and relays."""
