# Exercise 02-2
class Doorbell(Callbacks):
    def open(self):
        self.broadcaster.connect(self)
        self.broadcaster.notify_clients("somebody came", but=self)

    def on_close(self):
        self.broadcaster.disconnect(self)
        self.broadcaster.notify_clients("somebody left")
