# Exercise 02-1
class Typing(Callbacks):
    def on_message(self, text):
        self.broadcaster.notify_clients(text, but=self)
