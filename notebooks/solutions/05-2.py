# Exercise 05-2
class CountingChat(ChatWidget):
    count = 0

    def __init__(self, url, name=""):
        super().__init__(url, name)
        self.client.on_message(self.heard)

    def heard(self, message):
        self.count += 1
        self.show("connected", f"{self.count} message{'s' if self.count > 1 else ''}")
