# Exercise 00-1
async def say_hello(client):
    await client.send("hello")
