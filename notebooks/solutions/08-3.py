# Exercise 08-3
class HastyRoom(Room):
    def leave(self, visitor):
        for group in (*self.audiences.values(), *self.watchers.values()):
            group.disconnect(visitor)
        if visitor not in self.members:
            return
        name = self.members.pop(visitor)
        for look in looks(name):
            self.looks.pop(look, None)
        self.announce("left", name)
