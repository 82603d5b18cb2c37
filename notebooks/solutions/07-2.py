# Exercise 07-2
class Brief(ChatSocket):
    def receive(self, frame):
        match frame:
            case {"message": str(text)} if len(text.splitlines()) > 20:
                detail = "A message has at most 20 lines: send a longer text in parts."
                raise FrameError("too_long", detail, key_of(frame))
        super().receive(frame)
