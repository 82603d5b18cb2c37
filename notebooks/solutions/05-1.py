# Exercise 05-1
small = MessageList(limit=3)
small
