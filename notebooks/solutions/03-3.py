# Exercise 03-3
class Brisk(ChatServer):
    async def stop(self):
        self.http.stop()
        for channel in self.rooms.visitors:
            channel.close(GOING_AWAY, "the server is stopping")
        await self.http.close_all_connections()
