# Exercise 12-6
class Board(anywidget.AnyWidget):
    _esm = BOARD
    strokes = traitlets.List().tag(sync=True)

    def __init__(self, client):
        super().__init__()
        self.client = client
        self.loop = asyncio.get_running_loop()
        self.on_msg(self.receive)
        client.on_message(self.hear)

    def receive(self, widget, content, buffers):
        text = json.dumps({"stroke": content["stroke"]})
        asyncio.run_coroutine_threadsafe(self.client.send(text), self.loop)

    def hear(self, message):
        try:
            stroke = msgspec.json.decode(message.message, type=Said).stroke
        except msgspec.DecodeError:  # somebody chats
            return
        self.strokes = [*self.strokes, stroke]
