# Exercise 01-1
class Shout(Echo):
    def on_message(self, text):
        self.write_message(text.upper() + "!")
