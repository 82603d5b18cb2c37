# Exercise 02-1
wanted = ["Bob", "  BOB ", "Bob-2"]
called = ["Bob", "BOB-2", "Bob-3"]
