# Exercise 04-1
def make_bot(client):
    async def answer(message):
        if message.message.endswith("?") and message.name != client.name:
            await client.send(f"{message.name} asks: {message.message}")

    client.on_message(answer)
