# Exercise 08-2
from chatkit.handlers import ChatSocket
from chatkit.messages import FrameError


class PrivateSocket(ChatSocket):
    def receive(self, frame):
        match frame:
            case {"to": str(to), "message": str(text)}:
                members = self.room.members
                found = [visitor for visitor, name in members.items() if name == to]
                if not found:
                    raise FrameError("nobody", f"There is no {to} here.")
                private = {"event": "private", "name": members[self], "to": to, "message": text}
                for visitor in {self, *found}:
                    visitor.tell(private)
            case _:
                super().receive(frame)
