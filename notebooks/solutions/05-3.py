# Exercise 05-3
class PlainList(ipywidgets.HTML):
    def add(self, message):
        name, text = escape(message.name), escape(message.message)
        self.value += f"<p><b>{name}</b>: {text}</p>"
