# Exercise 01-3
class FrameReader:
    def __init__(self):
        self.rest = b""

    def feed(self, data):
        frames, self.rest = read_frames(self.rest + data)
        return frames
