# Exercise 12-3
def make_host(client):
    greeted = set()

    async def greet(event):
        if event["event"] == "joined" and event["name"] not in greeted:
            greeted.add(event["name"])
            await client.send(f"Welcome, {event['name']}!")

    async def answer(message):
        if message.message == "!who":
            await client.send(", ".join(sorted(client.members)))

    client.on_event(greet)
    client.on_message(answer)
