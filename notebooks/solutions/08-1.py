# Exercise 08-1
wanted = ["Bob", "  bob ", "B0b", "", "Bob-2"]
called = ["Bob", "bob-2", "B0b-3", "guest-1", "Bob-4"]
