# Exercise 12-4
class Commands(ChatSocket):
    def receive(self, frame):
        match frame:
            case {"message": str(text)} if text.startswith("/"):
                command, _, words = text[1:].partition(" ")
                if command != "me":
                    detail = f"There is no command /{command}: try /me waves."
                    raise FrameError("unknown_command", detail, frame.get("key"))
                name = self.room.members[self]
                super().receive({**frame, "message": f"* {name} {words} *"})
            case _:
                super().receive(frame)
