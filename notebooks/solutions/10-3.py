# Exercise 10-3
class Hasty(OneWrite):
    def send(self, frames):
        stream = self.ws_connection.stream
        sent = 0
        if not stream.writing():  # else our bytes would overtake what waits there
            try:
                sent = stream.socket.send(frames)
            except BlockingIOError:  # it is full
                sent = 0
        if sent < len(frames):
            stream.write(frames[sent:])
