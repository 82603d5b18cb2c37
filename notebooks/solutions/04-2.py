# Exercise 04-2
class Mailbox:
    def __init__(self):
        self.messages = asyncio.Queue()

    def put(self, message):
        self.messages.put_nowait(message)

    async def get(self):
        return await self.messages.get()
