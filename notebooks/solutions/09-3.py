# Exercise 09-3
class Eager(Room):
    def flush(self):
        batch, self.arrived = self.arrived, []
        appending = self.log.append(self.name, [message for _, message in batch])
        appending.add_done_callback(partial(self.report, batch))
