# Exercise 12-5
class Whispers(ChatSocket):
    def receive(self, frame):
        match frame:
            case {"message": str(text)} if text.startswith("@"):
                to = text[1:].partition(" ")[0]
                members, key = self.room.members, frame.get("key")
                found = [visitor for visitor, name in members.items() if name == to]
                if not found:
                    raise FrameError("nobody", f"There is no {to} here.", key)
                private = Message(text, name=members[self], time=time.time(), key=key)
                for visitor in {self, *found}:
                    visitor.tell(private)
            case _:
                super().receive(frame)
