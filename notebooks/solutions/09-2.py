# Exercise 09-2
class OnlyOnce(ChatClient):
    async def take_message(self, message):
        self.outbox.confirm(message.key)
        if message.id > self.seen:
            await self.deliver(message)
            self.seen = message.id
