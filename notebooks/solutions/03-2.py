# Exercise 03-2
class Hello(RequestHandler):
    def initialize(self, rooms):
        self.rooms = rooms

    def get(self):
        self.write(f"{len(self.rooms.visitors)} here")


def app_with_hello(rooms):
    app = make_app(rooms)
    app.add_handlers(".*", [(r"/hello", Hello, {"rooms": rooms})])
    return app
