# Exercise 02-3
class Leaky(WebSocketHandler):
    def initialize(self, broadcaster):
        self.broadcaster = broadcaster

    def open(self):
        self.broadcaster.connect(self)

    def on_message(self, text):
        self.broadcaster.notify_clients(text)

    def on_close(self):
        self.broadcaster.disconnect(self)

    def send(self, text):
        self.write_message(text)
