# Exercise 03-2
class Hello(RequestHandler):
    def initialize(self, room):
        self.room = room

    def get(self):
        self.write(f"{len(self.room.members)} here")


def app_with_hello(room):
    app = make_app(room)
    app.add_handlers(".*", [(r"/hello", Hello, {"room": room})])
    return app
