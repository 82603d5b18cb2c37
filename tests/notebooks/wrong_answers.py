"""Wrong answers that people really give, and what a verdict must say of each."""

from __future__ import annotations

from typing import NamedTuple


class Wrong(NamedTuple):
    """A wrong answer: what is wrong with it, its code, and a pattern that both verdicts match.

    The code is a cell's, or what to put in place of what in the exercise's solution.
    """

    mistake: str
    code: str | tuple[str, str]
    told: str
    patience: float | None = None  # seconds that the check waits for what does not come
    limit: float | None = None  # seconds that the check has in all


WRONG: dict[str, list[Wrong]] = {
    "00-1": [
        Wrong(
            "no await",
            ("await ", ""),
            (
                "Expected a message that says hello.*came: silence"
                r".*made a coroutine, `ChatClient\.send`, and nobody awaited it"
            ),
            patience=0.3,
        ),
        Wrong(
            "a plain def",
            ("def say_hello(client):\n    client.send('hello')"),
            (
                "Expected say_hello to be an.*came: a plain `def`"
                r".*made a coroutine, `ChatClient\.send`, and nobody awaited it"
            ),
        ),
        Wrong(
            "another word",
            ('"hello"', '"goodbye"'),
            "Expected a message that says hello.*came: “goodbye”",
        ),
        Wrong(
            "print",
            ('async def say_hello(client):\n    print("hello")'),
            "Expected a message that says hello.*came: silence",
            patience=0.3,
        ),
        Wrong(
            "bytes",
            ('"hello"', 'b"hello"'),
            r'raised FrameError in line 3,.*A message is text: "…" and not b"…"\.',
        ),
        Wrong(
            "no parameter",
            ("(client)", "()"),
            r"raised TypeError.*It gets more than its `def` takes\. Is `self`",
        ),
        Wrong(
            "return, no await",
            ("await client", "return client"),
            (
                "Expected a message that says hello"
                ".*came: a call that was returned and not awaited, which sends"
            ),
        ),
        Wrong("text", 'say_hello = "hello"', "Expected the function say_hello.*came: 'hello'"),
    ],
    "01-1": [
        Wrong(
            "return",
            ('self.write_message(text.upper() + "!")', 'return text.upper() + "!"'),
            ("Expected the answer to be sent.*came: “HELLO!” was returned, which sends nothing"),
        ),
        Wrong("no !", (' + "!"', ""), "Expected “HELLO!” in answer to.*came: “HELLO”"),
        Wrong(
            "no call",
            ("upper()", "upper"),
            r"raised TypeError in line 4,.*unsupported operand type\(s\) for \+:",
        ),
        Wrong(
            "result thrown away",
            (
                'self.write_message(text.upper() + "!")',
                ("text.upper()\n        self.write_message(text + '!')"),
            ),
            "Expected “HELLO!” in answer to.*came: “hello!”",
        ),
        Wrong(
            "no self",
            ("(self, text)", "(text)"),
            r"raised TypeError.*It gets more than its `def` takes\. Is `self`",
        ),
        Wrong(
            "no self.",
            ("self.write", "write"),
            "raised NameError in line 4,.*Run the cells above first; or is it spelt",
        ),
        Wrong(
            "on_messages",
            ("on_message", "on_messages"),
            (
                "Expected “HELLO!” in answer to"
                r".*came: “hello” \(nobody calls `on_messages`: did you mean"
            ),
        ),
        Wrong(
            "a function",
            ('def Shout(text):\n    return text.upper() + "!"'),
            "Expected the class Shout, made.*came: a function, not a class",
        ),
        Wrong(
            "super, too",
            ("self.write", ("super().on_message(text)\n        self.write")),
            "Expected “HELLO!” in answer to.*came: “hello”",
        ),
        Wrong(
            "print",
            ("self.write_message(", "print("),
            "Expected “HELLO!” in answer to.*came: nothing at all",
            patience=0.3,
        ),
    ],
    "01-2": [
        Wrong(
            "no FIN",
            ("0x80 | Opcode.PING", "Opcode.PING"),
            (
                "Expected a PONG that carries"
                ".*came: your frame began with the bytes 09 8c, and the server hung"
            ),
        ),
        Wrong(
            "no mask bit",
            ("0x80 | len(payload)", "len(payload)"),
            (
                "Expected a PONG that carries"
                ".*came: your frame began with the bytes 89 0c, and the server"
            ),
        ),
        Wrong(
            "PONG",
            ("PING", "PONG"),
            (
                "Expected a PONG that carries"
                ".*came: your frame began with the bytes 8a 8c, and the server took"
            ),
            patience=0.3,
        ),
        Wrong(
            "length of all",
            ("len(payload)", "len(payload + mask)"),
            (
                "Expected a PONG that carries"
                ".*came: your frame began with the bytes 89 90, and the server still"
            ),
            patience=0.3,
        ),
        Wrong(
            "text for bytes",
            ("bytes([0x80 | Opcode.PING, 0x80 | len(payload)])", '"\\x89\\x85"'),
            (
                "raised TypeError in line 4,"
                r".*Text and bytes are two things: text\.encode\(\)"
            ),
        ),
        Wrong(
            "a list",
            ("bytes([0x80 | Opcode.PING, 0x80 | len(payload)])", "[0x89, 0x80 | len(payload)]"),
            r'raised TypeError in line 4,.*can only concatenate list \(not "bytes"\)',
        ),
        Wrong(
            "async",
            ("def ping", "async def ping"),
            ("Expected ping_frame to be a plain.*came: an `async def`, whose call only begins"),
        ),
        Wrong(
            "misspelt",
            ("Opcode", "OpCode"),
            "raised NameError in line 3,.*Run the cells above first; or is it spelt",
        ),
        Wrong(
            "a fixed length",
            ("0x80 | len(payload)", "0x80 | 5"),
            (
                "Expected a PONG that carries b'still there.*a PONG that carries b'still', "
                "for your header tells a length of 5, and the payload's is 12"
            ),
        ),
    ],
    "01-3": [
        Wrong(
            "adds",
            (
                "frames, self.rest = read_frames(self.rest + data)",
                ("frames, rest = read_frames(self.rest + data)\n        self.rest += rest"),
            ),
            "Expected the texts one, two,.*came: one, two, t�, t�t, t�t",
        ),
        Wrong(
            "data only",
            ("read_frames(self.rest + data)", "read_frames(data)"),
            "Expected the texts one, two,.*came: one",
        ),
        Wrong(
            "text for bytes",
            ('b""', '""'),
            (
                "raised TypeError in line 7,"
                r".*Text and bytes are two things: text\.encode\(\)"
            ),
        ),
        Wrong(
            "an object",
            ("return frames", ("return frames\n\n\nFrameReader = FrameReader()")),
            (
                "Expected the class FrameReader"
                ".*came: an object: give `check` the class itself, FrameReader"
            ),
        ),
        Wrong(
            "no return",
            ("        return frames", "        frames"),
            (
                "Expected feed to return a list of"
                r".*came: nothing: a `return` is missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "local", ("self.rest = read", "rest = read"), "Expected the texts one, two,.*came: one"
        ),
        Wrong(
            "no self",
            ("feed(self, data)", "feed(data)"),
            r"raised TypeError.*It gets more than its `def` takes\. Is `self`",
        ),
        Wrong(
            "generator",
            ("return frames", "yield from frames"),
            (
                "Expected feed to return a list of"
                r".*came: a generator, <generator object FrameReader\.feed"
            ),
        ),
        Wrong(
            "keeps the last piece alone",
            (
                "frames, self.rest = read_frames(self.rest + data)",
                (
                    "frames, rest = read_frames(self.rest + data)\n"
                    "        self.rest = rest if frames else data"
                ),
            ),
            r"Expected the texts one, two,.*came: one, two, three\.",
        ),
    ],
    "02-1": [
        Wrong(
            "the set made smaller",
            (
                "self.broadcaster.notify_clients(text, but=self)",
                (
                    "self.broadcaster.channels.discard(self)\n"
                    "        self.broadcaster.notify_clients(text)"
                ),
            ),
            "Expected 3 channels in the set,.*came: 2",
        ),
        Wrong(
            "but text",
            ("but=self", "but=text"),
            r"Expected silence at the one who.*came: it heard \['Ada is typing'\]",
        ),
        Wrong(
            "not",
            ("but=self", "not self"),
            r"Expected silence at the one who.*came: it heard \['Ada is typing'\]",
        ),
        Wrong(
            "ids",
            (
                "self.broadcaster.notify_clients(text, but=self)",
                (
                    "for channel in self.broadcaster.channels:\n"
                    "            if id(channel) is not id(self):\n"
                    "                channel.send(text)"
                ),
            ),
            r"Expected silence at the one who.*came: it heard \['Ada is typing'\]",
        ),
        Wrong(
            "async",
            ("    def", "    async def"),
            ("Expected on_message to be a plain.*came: an `async def`, whose call only begins"),
        ),
        Wrong(
            "equal",
            (
                "self.broadcaster.notify_clients(text, but=self)",
                (
                    "for channel in self.broadcaster.channels:\n"
                    "            if channel == self:\n"
                    "                channel.send(text)"
                ),
            ),
            r"Expected silence at the one who.*came: it heard \['Ada is typing'\]",
        ),
        Wrong(
            "the answer of another exercise",
            (
                "class Typing(Callbacks):\n"
                "    def open(self):\n"
                "        self.broadcaster.connect(self)\n"
                "        self.broadcaster.notify_clients('somebody came', but=self)"
            ),
            (
                "Expected silence at the one who"
                r".*came: it heard \['somebody came', 'somebody came', 'Ada is typing'\]"
            ),
        ),
        Wrong(
            "a loop over the live set",
            (
                "self.broadcaster.notify_clients(text, but=self)",
                (
                    "for channel in self.broadcaster.channels:\n"
                    "            self.broadcaster.channels.remove(self)\n"
                    "            channel.send(text)"
                ),
            ),
            "raised RuntimeError in line 4,.*Somebody comes or goes while you loop: loop",
        ),
        Wrong(
            "self given twice",
            ("(text, but=self)", "(self, text)"),
            (
                r"raised TypeError in line 4, `self\.broadcaster\.notify_clients\(self, text\)`"
                r".*got <class '__main__\.Typing'>"
            ),
        ),
    ],
    "02-2": [
        Wrong(
            "everybody hears",
            (", but=self", ""),
            "Expected “somebody came” for.*came: it for the newcomer, too",
        ),
        Wrong(
            "no connect",
            (("self.broadcaster.connect(self)\n        "), ""),
            "Expected 3 channels in the set,.*came: 0",
        ),
        Wrong(
            "on_closed",
            ("on_close", "on_closed"),
            (
                "Expected the two who stayed to"
                r".*came: they heard \[\[\], \[\]\] \(nobody calls `on_closed`: did you mean"
            ),
        ),
        Wrong(
            "no left",
            (('\n        self.broadcaster.notify_clients("somebody left")'), ""),
            r"Expected the two who stayed to.*came: they heard \[\[\], \[\]\]",
        ),
        Wrong(
            "write to self",
            (
                'self.broadcaster.notify_clients("somebody came", but=self)',
                'self.write_message("somebody came")',
            ),
            "Expected “somebody came” for.*came: it for the newcomer, too",
        ),
        Wrong(
            "print",
            ('self.broadcaster.notify_clients("somebody left")', 'print("somebody left")'),
            r"Expected the two who stayed to.*came: they heard \[\[\], \[\]\]",
        ),
        Wrong(
            "async",
            ("def open", "async def open"),
            ("Expected open to be a plain `def`.*came: an `async def`, whose call only begins"),
        ),
        Wrong(
            "a loop over the live set",
            (
                'self.broadcaster.notify_clients("somebody left")',
                (
                    "for channel in self.broadcaster.channels:\n"
                    "            self.broadcaster.disconnect(channel)\n"
                    '            channel.send("somebody left")'
                ),
            ),
            "raised RuntimeError in line 9,.*Somebody comes or goes while you loop: loop",
        ),
        Wrong(
            "says goodbye to itself",
            (
                'self.broadcaster.notify_clients("somebody left")',
                'self.send("somebody left")',
            ),
            r"raised WebSocketClosedError in line 9, `self\.send\(\"somebody left\"\)`",
        ),
        Wrong(
            "no came",
            (('\n        self.broadcaster.notify_clients("somebody came", but=self)'), ""),
            r"Expected “somebody came” twice at the first of.*came: they heard \[\] and \[\]",
        ),
    ],
    "02-3": [
        Wrong(
            "onClose",
            ("on_close", "onClose"),
            "Expected nobody in the set.*came: 20 channels of the gone",
        ),
        Wrong(
            "close",
            ("on_close", "close"),
            "Expected nobody in the set.*came: 20 channels of the gone",
        ),
        Wrong(
            "no connect",
            ("        self.broadcaster.connect(self)", "        pass"),
            "Expected 20 channels while they.*came: 0",
        ),
        Wrong(
            "async",
            ("def on_close", "async def on_close"),
            ("Expected on_close to be a plain.*came: an `async def`, whose call only begins"),
        ),
        Wrong(
            "parameter",
            ("on_close(self)", "on_close(self, code)"),
            r"raised TypeError.*It gets less than its `def` takes\. Is an",
        ),
        Wrong(
            "clear",
            ("self.broadcaster.disconnect(self)", "self.broadcaster.channels = []"),
            "Expected 19 channels when one of.*came: 0",
        ),
        Wrong(
            "a loop over the live set",
            (
                "self.broadcaster.disconnect(self)",
                (
                    "for channel in self.broadcaster.channels:\n"
                    "            if channel is self:\n"
                    "                self.broadcaster.disconnect(channel)"
                ),
            ),
            ("raised RuntimeError in line 13,.*Somebody comes or goes while you loop: loop"),
        ),
        Wrong(
            "the class",
            ("self.broadcaster.disconnect(self)", "self.broadcaster.disconnect(Leaky)"),
            "Expected nobody in the set.*came: 20 channels of the gone",
        ),
        Wrong(
            "no self",
            ("on_close(self)", "on_close()"),
            r"raised TypeError.*It gets more than its `def` takes\. Is `self`",
        ),
        Wrong(
            "an empty on_close",
            ("self.broadcaster.disconnect(self)", '"""Nobody is here any more."""'),
            "20 channels of the gone: on_close is called, but takes out none of them",
        ),
    ],
    "03-1": [
        Wrong(
            "capital",
            ('"transit"', '"Transit"'),
            "raised ChatkitError in line 3,.*There is no codec 'Transit': choose one",
        ),
        Wrong(
            "no return",
            ("return ", ""),
            (
                "Expected a ChatServer that is not"
                r".*came: nothing: a `return` is missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "async",
            ("def server", "async def server"),
            (
                "Expected a ChatServer that is not"
                ".*came: a coroutine: it is an `async def`, or an `await` is missing"
            ),
        ),
        Wrong(
            "started",
            (
                'return ChatServer(port=0, codec="transit")',
                'return ChatServer(port=0, codec="transit").start()',
            ),
            (
                "Expected a ChatServer that is not"
                ".*came: a coroutine: it is an `async def`, or an `await` is missing"
            ),
        ),
        Wrong(
            "launched",
            (
                'return ChatServer(port=0, codec="transit")',
                'return chatkit.launch(port=0, codec="transit")',
            ),
            "Expected a ChatServer that is not.*came: one that is launched",
        ),
        Wrong(
            "the class",
            ('ChatServer(port=0, codec="transit")', "ChatServer"),
            (
                "Expected a ChatServer that is not"
                r".*came: the class ChatServer: are `\(\)` missing\?"
            ),
        ),
        Wrong(
            "name",
            ('"transit"', "transit"),
            "raised NameError in line 3,.*Run the cells above first; or is it spelt",
        ),
        Wrong(
            "string",
            ('ChatServer(port=0, codec="transit")', '"transit"'),
            "Expected a ChatServer that is not.*came: a str, 'transit'",
        ),
        Wrong(
            "called too early",
            "server_for_the_guide = ChatServer(port=0, codec='transit')",
            r"Expected the function.*came: <chatkit\.server\.ChatServer object",
        ),
    ],
    "03-2": [
        Wrong(
            "no route",
            ('(r"/hello", Hello, {"rooms": rooms})', ""),
            "Expected an answer at /hello.*came: 404: no route leads there",
        ),
        Wrong(
            "no rooms",
            (', {"rooms": rooms}', ""),
            'Expected an answer at /hello.*the third part of the route has to be {"rooms": rooms}',
        ),
        Wrong(
            "return",
            (
                'self.write(f"{len(self.rooms.visitors)} here")',
                "return f'{len(self.rooms.visitors)} here'",
            ),
            (
                "Expected an answer at /hello"
                ".*came: `get` returned a value, and the server sends only what"
            ),
        ),
        Wrong(
            "number of rooms",
            ("len(self.rooms.visitors)", "len(self.rooms.open)"),
            'came: "0 here", "1 here": does that count rooms instead of people',
        ),
        Wrong(
            "no len()",
            ("len(self.rooms.visitors)", "self.rooms.visitors"),
            (
                'Expected "0 here", then "2 here"'
                r'.*came: "\[\] here", "\[<chatkit\.handlers\.ChatSocket object'
            ),
        ),
        Wrong(
            "no return",
            ("    return app", "    app"),
            (
                "Expected the app that your"
                r".*came: nothing: a `return` is missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "a tuple for a list",
            ('[(r"/hello", Hello, {"rooms": rooms})]', '(r"/hello", Hello, {"rooms": rooms})'),
            "raised AttributeError in line 12,.*'str' object has no attribute 'name'",
        ),
        Wrong(
            "no self",
            ("def get(self)", "def get()"),
            r"raised TypeError.*It gets more than its `def` takes\. Is `self`",
        ),
        Wrong(
            "new rooms",
            ('{"rooms": rooms})', '{"rooms": Rooms()})'),
            'Expected "0 here", then "2 here".*came: "0 here", "0 here"',
        ),
    ],
    "03-3": [
        Wrong(
            "no code",
            ('GOING_AWAY, "the server is stopping"', ""),
            "Expected a close with code 1001.*came: a close without a code",
        ),
        Wrong(
            "await close",
            ("channel.close", "await channel.close"),
            "raised TypeError in line 6,.*Only a coroutine can be awaited: leave",
        ),
        Wrong(
            "a plain def",
            (
                "class Brisk(ChatServer):\n"
                "    def stop(self):\n"
                "        self.http.stop()\n"
                "        for channel in self.rooms.visitors:\n"
                "            channel.close(GOING_AWAY)"
            ),
            "Expected a stop that can be.*came: a plain `def`",
        ),
        Wrong(
            "forgets await",
            ("await self.http", "self.http"),
            (r"made a coroutine, `HTTPServer\.close_all_connections`, and nobody awaited it"),
        ),
        Wrong(
            "endless",
            (
                "        await self.http.close_all",
                (
                    "        while True:\n"
                    "            await asyncio.sleep(0.1)\n"
                    "        await self.http.close_all"
                ),
            ),
            "Expected a stop that comes to its.*came: one that waits and waits",
            patience=0.3,
        ),
        Wrong(
            "no base",
            ("class Brisk(ChatServer)", "class Brisk"),
            "Expected a class that begins with.*came: another",
        ),
        Wrong(
            "a bare except",
            (
                '            channel.close(GOING_AWAY, "the server is stopping")',
                (
                    "            try:\n"
                    "                channel.closed(GOING_AWAY)\n"
                    "            except:\n"
                    "                pass"
                ),
            ),
            (
                "Expected a close with code 1001.*came: nothing: the socket is still open"
                ".*The `except` in line 8 hides"
            ),
            patience=0.3,
        ),
        Wrong(
            "time.sleep",
            (
                "        await self.http.close_all",
                (
                    "        time = __import__('time')\n"
                    "        time.sleep(1)\n"
                    "        await self.http.close_all"
                ),
            ),
            "Your code held up everybody while it slept",
        ),
    ],
    "04-1": [
        Wrong(
            "no await",
            ("await client", "client"),
            (
                "Expected the answer 'Ada asks:.*came: silence"
                r".*made a coroutine, `ChatClient\.send`, and nobody awaited it"
            ),
            patience=0.3,
        ),
        Wrong(
            "hears itself",
            (" and message.name != client.name", ""),
            (
                "Expected one answer, to the"
                r".*came: 'bot asks: Ada asks: who is here\?' as well"
            ),
        ),
        Wrong(
            "a plain def",
            (
                (
                    "async def answer(message):\n"
                    '        if message.message.endswith("?") and message.name !='
                    " client.name:\n"
                    "            await "
                ),
                (
                    "def answer(message):\n"
                    '        if message.message.endswith("?") and message.name !='
                    " client.name:\n"
                    "            "
                ),
            ),
            (
                "Expected the answer 'Ada asks:.*came: silence"
                r".*made a coroutine, `ChatClient\.send`, and nobody awaited it"
            ),
            patience=0.3,
        ),
        Wrong(
            "not registered",
            ("    client.on_message(answer)", "    return answer"),
            (
                "Expected the answer 'Ada asks:"
                r".*came: silence: nothing was given to client\.on_message"
            ),
            patience=0.3,
        ),
        Wrong(
            "time.sleep",
            ("            await", ("            __import__('time').sleep(1)\n            await")),
            "Your code held up everybody while it slept",
        ),
        Wrong(
            "a loop without await",
            (
                "        if",
                ("        while client.inbox is not None:\n            pass\n        if"),
            ),
            r"Your code held up everything for \d seconds",
            patience=0.3,
        ),
        Wrong(
            "endless loop with await",
            (
                "        if",
                ("        while True:\n            await asyncio.sleep(0.01)\n        if"),
            ),
            "Expected the answer 'Ada asks:.*came: silence",
            patience=0.3,
        ),
        Wrong(
            "a bare except",
            (
                ('            await client.send(f"{message.name} asks: {message.message}")'),
                (
                    "            try:\n"
                    "                await client.sned(message.message)\n"
                    "            except:\n"
                    "                pass"
                ),
            ),
            "Expected the answer 'Ada asks:.*came: silence.*The `except` in line 7 hides",
            patience=0.3,
        ),
        Wrong(
            "a dictionary",
            ("message.message.endswith", 'message["message"].endswith'),
            r"raised TypeError in line 4,.*A message's text is message\.message, and its",
            patience=0.3,
        ),
        Wrong(
            "asyncio.run",
            (
                ('            await client.send(f"{message.name} asks: {message.message}")'),
                "            asyncio.run(client.send(message.message))",
            ),
            (
                "raised RuntimeError in line 5,"
                ".*In a notebook an event loop runs already:"
                r".*made a coroutine, `ChatClient\.send`, and nobody awaited it"
            ),
            patience=0.3,
        ),
        Wrong(
            "client.on_messages",
            ("client.on_message(", "client.on_messages("),
            r"raised AttributeError in line 7,.*Did you mean `on_message`\?",
        ),
    ],
    "04-2": [
        Wrong(
            "a list and an event",
            (
                "class Mailbox:\n"
                "    def __init__(self):\n"
                "        self.messages = []\n"
                "        self.news = asyncio.Event()\n"
                "\n"
                "    def put(self, message):\n"
                "        self.messages.append(message)\n"
                "        self.news.set()\n"
                "\n"
                "    async def get(self):\n"
                "        await self.news.wait()\n"
                "        self.news.clear()\n"
                "        return self.messages.pop(0)"
            ),
            r"Expected \['one', 'two', 'three'\].*came: \['one', 'nothing'\]",
            patience=0.3,
        ),
        Wrong(
            "a set",
            (
                "class Mailbox:\n"
                "    def __init__(self):\n"
                "        self.messages = set()\n"
                "        self.news = asyncio.Event()\n"
                "\n"
                "    def put(self, message):\n"
                "        self.messages.add(message)\n"
                "        self.news.set()\n"
                "\n"
                "    async def get(self):\n"
                "        await self.news.wait()\n"
                "        return self.messages.pop()"
            ),
            r"'two', 'three'\].*came: \['|came: KeyError: 'pop from an empty set'",
        ),
        Wrong(
            "no await",
            ("await self.messages.get()", "self.messages.get()"),
            (
                "Expected `get` to return a message"
                ".*came: a coroutine: it is an `async def`, or an `await` is missing"
            ),
        ),
        Wrong(
            "get_nowait",
            ("await self.messages.get()", "self.messages.get_nowait()"),
            "Expected `get` to wait while the.*came: QueueEmpty",
        ),
        Wrong(
            "no return",
            ("return await", "await"),
            (
                "Expected `get` to return a message"
                r".*came: nothing: a `return` is missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "plain get",
            (
                ("    async def get(self):\n        return await self.messages.get()"),
                ("    def get(self):\n        return self.messages.get_nowait()"),
            ),
            (
                "Expected get to be an `async def`"
                r".*came: a plain `def` that returned Message\(message='one', id=1,"
            ),
        ),
        Wrong(
            "a loop without await",
            (
                "class Mailbox:\n"
                "    def __init__(self):\n"
                "        self.messages = []\n"
                "\n"
                "    def put(self, message):\n"
                "        self.messages.append(message)\n"
                "\n"
                "    async def get(self):\n"
                "        while not self.messages:\n"
                "            pass\n"
                "        return self.messages.pop(0)"
            ),
            r"Your code held up everything for \d seconds",
            patience=0.3,
        ),
        Wrong(
            "time.sleep in a loop",
            (
                "import time\n"
                "class Mailbox:\n"
                "    def __init__(self):\n"
                "        self.messages = []\n"
                "\n"
                "    def put(self, message):\n"
                "        self.messages.append(message)\n"
                "\n"
                "    async def get(self):\n"
                "        while not self.messages:\n"
                "            time.sleep(0.1)\n"
                "        return self.messages.pop(0)"
            ),
            r"Your code held up everything for \d seconds",
            patience=0.3,
        ),
        Wrong(
            "index error",
            (
                "class Mailbox:\n"
                "    def __init__(self):\n"
                "        self.messages = []\n"
                "\n"
                "    def put(self, message):\n"
                "        self.messages.append(message)\n"
                "\n"
                "    async def get(self):\n"
                "        return self.messages.pop(0)"
            ),
            "Expected `get` to wait while the.*came: IndexError: pop from empty list",
        ),
    ],
    "05-1": [
        Wrong("two", ("limit=3", "limit=2"), "Expected the last three of five.*came: four, five"),
        Wrong(
            "the class",
            ("MessageList(limit=3)", "MessageList"),
            (
                "Expected a MessageList in `small`"
                r".*came: the class MessageList: are `\(\)` missing\?"
            ),
        ),
        Wrong(
            "the first three",
            (
                "class First(MessageList):\n"
                "    def add(self, message):\n"
                "        super().add(message)\n"
                "        self.messages = self.messages[:3]\n"
                "\n"
                "\n"
                "small = First()"
            ),
            "Expected the last three of five.*came: one, two, three",
        ),
        Wrong(
            "a list", "small = [][-3:]", r"Expected a MessageList in `small`.*came: a list, \[\]"
        ),
    ],
    "05-2": [
        Wrong(
            "no s",
            ("{'s' if self.count > 1 else ''}", ""),
            "Expected a line that says `2.*came: `2 message`",
            patience=0.3,
        ),
        Wrong(
            "no self.",
            ("self.count += 1", "count += 1"),
            ("raised UnboundLocalError in line 10,.*A name that a function assigns to is its"),
            patience=0.3,
        ),
        Wrong(
            "the widget replaced",
            (
                (
                    'self.show("connected", f"{self.count} message{\'s\' if self.count >'
                    " 1 else ''}\")"
                ),
                'self.status = f"{self.count} message"',
            ),
            "Expected a widget in.*came: '1 message'",
            patience=0.3,
        ),
        Wrong(
            "no self",
            ("def heard(self, message)", "def heard(message)"),
            r"raised TypeError.*It gets more than its `def` takes\. Is `self`",
            patience=0.3,
        ),
        Wrong(
            "off by one",
            ("count = 0", "count = 1"),
            "Expected a line that says `1.*came: `2 messages`",
            patience=0.3,
        ),
        Wrong(
            "int + str",
            (
                "f\"{self.count} message{'s' if self.count > 1 else ''}\"",
                'self.count + " messages"',
            ),
            r"raised TypeError in line 11,.*A number comes into a text by an f\-string:",
            patience=0.3,
        ),
        Wrong(
            "called too early",
            ("on_message(self.heard)", "on_message(self.heard(None))"),
            r"raised TypeError.*What is called there is no function\. Was one",
            patience=0.3,
        ),
        Wrong(
            "not registered",
            ("        self.client.on_message(self.heard)\n", ""),
            "Expected a line that says `1.*came: `Connected as Ada`",
            patience=0.3,
        ),
    ],
    "05-3": [
        Wrong(
            "all escaped",
            (
                'self.value += f"<p><b>{name}</b>: {text}</p>"',
                'self.value += escape(f"<p><b>{name}</b>: {text}</p>")',
            ),
            ("Expected the name in bold.*came: your own tags as text, for they are escaped, too"),
        ),
        Wrong(
            "twice",
            ("{name}</b>", "{escape(name)}</b>"),
            "Expected each text escaped once.*came: the name was escaped twice",
        ),
        Wrong(
            "name for text",
            ("escape(message.message)", "message.message"),
            "Expected the text `<script …>` to.*came: an element <script>, at work",
        ),
        Wrong(
            "replace",
            ("escape(message.name)", 'message.name.replace("<script>", "")'),
            "Expected the text `<img …>` to.*came: an element <img>, at work",
        ),
        Wrong(
            "thrown away",
            (
                "name, text = escape(message.name)",
                ("escape(message.name)\n        name, text = message.name"),
            ),
            "Expected the text `<img …>` to.*came: an element <img>, at work",
        ),
        Wrong(
            "= for +=",
            ("+=", "="),
            (
                "Expected both messages to read"
                r".*came: `<img src=x onerror=alert\(1\)>: <script>alert\(2\)</script>`"
            ),
        ),
        Wrong(
            "escape the message",
            (
                "escape(message.name), escape(message.message)",
                "escape(message), escape(message.message)",
            ),
            (
                "raised AttributeError in line 4,"
                r".*A message's text is message\.message, and its"
            ),
        ),
    ],
    "06-1": [
        Wrong(
            "not escaped",
            ("escape(title)", "title"),
            r"Expected “Tea \& <b>cake</b>” in.*came: “Tea \& cake”",
        ),
        Wrong(
            "thrown away",
            (
                'return html.replace("Welcome to chat", escape(title))',
                ('html.replace("Welcome to chat", escape(title))\n    return html'),
            ),
            "Expected “Reading room” in the.*came: “Welcome to chat”",
        ),
        Wrong(
            "no return",
            ("return html", "html"),
            (
                "Expected the page's text"
                r".*came: nothing: a `return` is missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "once",
            ("escape(title))", "escape(title), 1)"),
            "Expected “Reading room” in the.*came: “Welcome to chat”",
        ),
        Wrong(
            "bytes",
            ('read_text(encoding="utf-8")', "read_bytes()"),
            (
                "raised TypeError in line 5,"
                r".*Text and bytes are two things: text\.encode\(\)"
            ),
        ),
        Wrong(
            "async",
            ("def my_page", "async def my_page"),
            (
                "Expected the page's text"
                ".*came: a coroutine: it is an `async def`, or an `await` is missing"
            ),
        ),
        Wrong(
            "twice",
            ("escape(title)", "escape(escape(title))"),
            (
                r"Expected “Tea \& <b>cake</b>” in"
                r".*came: “Tea \&amp; \&lt;b\&gt;cake\&lt;/b\&gt;”"
            ),
        ),
        Wrong(
            "absolute paths",
            ("escape(title))", "escape(title)).replace('\"static/', '\"/static/')"),
            (
                "Expected paths that are relative"
                r".*came: /static/icon\.svg, with a slash before"
            ),
        ),
    ],
    "06-2": [
        Wrong(
            "ws on https",
            ("{'wss' if scheme == 'https' else 'ws'}", "ws"),
            r"Expected wss://chat\.example/ws.*came: ws://chat\.example/ws",
        ),
        Wrong(
            "replace",
            (
                "def socket_url_for(page_url):\n"
                "    return urljoin(page_url, 'ws').replace('http', 'ws')"
            ),
            r"Expected wss://http\.example/http/w.*came: wss://ws\.example/ws/ws",
        ),
        Wrong(
            "+ ws",
            (
                "def socket_url_for(page_url):\n"
                "    return (page_url + 'ws').replace('http', 'ws', 1)"
            ),
            (
                r"Expected ws://chat\.example/tea/ws"
                r".*came: ws://chat\.example/tea/index\.html\?name=Ada\#topws"
            ),
        ),
        Wrong(
            "no prefix",
            (
                "def socket_url_for(page_url):\n"
                "    parts = urlsplit(page_url)\n"
                '    scheme = "wss" if parts.scheme == "https" else "ws"\n'
                '    return f"{scheme}://{parts.netloc}/ws"'
            ),
            r"Expected wss://hub\.example/user/ad.*came: wss://hub\.example/ws",
        ),
        Wrong(
            "no return",
            ("return f", "f"),
            (
                "Expected an address as text"
                r".*came: nothing: a `return` is missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "bytes",
            ("'ws'}:{rest}\"", "'ws'}:{rest}\".encode()"),
            r"Expected an address as text.*came: a bytes, b'ws://127\.0\.0\.1:8765/ws'",
        ),
        Wrong(
            "misspelt",
            ("urljoin", "url_join"),
            "raised NameError in line 4,.*Run the cells above first; or is it spelt",
        ),
        Wrong(
            "async",
            ("def socket", "async def socket"),
            (
                "Expected an address as text"
                ".*came: a coroutine: it is an `async def`, or an `await` is missing"
            ),
        ),
    ],
    "06-3": [
        Wrong(
            "from 0",
            ("source.splitlines(), 1", "source.splitlines()"),
            r"Expected numbers that count from 1, here \[3\].*came: \[2\], so counted from 0",
        ),
        Wrong(
            "lines, not numbers",
            ("return [number for", "return [line for"),
            r"Expected the numbers.*came: lines themselves, \['list\.innerHTML \+= message;'\]",
        ),
        Wrong(
            "a set",
            (
                ("[number for number, line in lines if any(mark in line for mark in UNSAFE)]"),
                ("{number for number, line in lines if any(mark in line for mark in UNSAFE)}"),
            ),
            r"Expected a list of line numbers.*came: a set, \{3\}",
        ),
        Wrong(
            "only double quotes", (', "\'/")', ")"), r"Expected \[3\] where line 3 is.*came: \[\]"
        ),
        Wrong(
            "a generator",
            (
                ("[number for number, line in lines if any(mark in line for mark in UNSAFE)]"),
                ("(number for number, line in lines if any(mark in line for mark in UNSAFE))"),
            ),
            "Expected a list of line numbers.*came: a generator, <generator object",
        ),
        Wrong(
            "return in the loop",
            (
                (
                    "return [number for number, line in lines if any(mark in line for"
                    " mark in UNSAFE)]"
                ),
                (
                    "for number, line in lines:\n"
                    "        if any(mark in line for mark in UNSAFE):\n"
                    "            return [number]\n"
                    "    return []"
                ),
            ),
            r"Expected \[1, 2, 3, 4, 5, 8, 9,.*came: \[1\]",
        ),
        Wrong(
            "a line twice",
            (
                (
                    "return [number for number, line in lines if any(mark in line for"
                    " mark in UNSAFE)]"
                ),
                (
                    "return [number for number, line in lines for mark in (*UNSAFE,"
                    " 'ws:') if mark in line]"
                ),
            ),
            r"Expected .*came: \[\d, \d",
        ),
        Wrong(
            "mutable default",
            (
                (
                    "def unsafe_lines(source):\n"
                    '    """Return the numbers, from 1, of the lines that a page'
                    ' should not have."""\n'
                    "    lines = enumerate(source.splitlines(), 1)\n"
                    "    return [number for number, line in lines if any(mark in line"
                    " for mark in UNSAFE)]"
                ),
                (
                    "def unsafe_lines(source, found=[]):\n"
                    "    for number, line in enumerate(source.splitlines(), 1):\n"
                    "        if any(mark in line for mark in UNSAFE):\n"
                    "            found.append(number)\n"
                    "    return found"
                ),
            ),
            r"Expected .*came: \[\d, \d",
        ),
    ],
    "07-1": [
        Wrong(
            "any name",
            ('org"])', 'org"], any_name=True)'),
            r"Expected evil\.example:8765, a name that somebody has bent.*came: it was let in",
        ),
        Wrong(
            "a string",
            ('["https://class.example.org"]', '"https://class.example.org"'),
            (
                "Expected a list of origins, even"
                ".*came: one text, each letter of which became an origin"
            ),
        ),
        Wrong(
            "http",
            ("https://class", "http://class"),
            r"Expected https://class\.example\.org.*came: it was turned away \(403\)",
        ),
        Wrong(
            "the host only",
            ("https://class", "class"),
            r"Expected https://class\.example\.org.*came: it was turned away \(403\)",
        ),
        Wrong(
            "a star",
            ("https://class.example.org", "*"),
            r"Expected https://class\.example\.org.*came: it was turned away \(403\)",
        ),
        Wrong(
            "no return",
            ("return ", ""),
            (
                "Expected a Gate that your"
                r".*came: nothing: a `return` is missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "the class",
            ('Gate(origins=["https://class.example.org"])', "Gate"),
            r"Expected a Gate that your.*came: the class Gate: are `\(\)` missing\?",
        ),
        Wrong(
            "misspelt",
            ("origins", "origin"),
            r"raised TypeError in line 3,.*Its `def` has no parameter of that name\.",
        ),
        Wrong(
            "async",
            ("def gate", "async def gate"),
            (
                "Expected a Gate that your"
                ".*came: a coroutine: it is an `async def`, or an `await` is missing"
            ),
        ),
    ],
    "07-2": [
        Wrong(
            "counts one kind of line end",
            ("len(text.splitlines()) > 20", 'text.count("\\n") >= 20'),
            r"Expected too_long for a message of 21 lines, one of which ends by \\r.*to everybody",
        ),
        Wrong(
            "an error without words",
            (
                'detail = "A message has at most 20 lines: send a longer text in parts."',
                'detail = ""',
            ),
            "Expected a sentence in the error, for people.*came: an error without words",
        ),
        Wrong(
            "off by one",
            ("> 20", ">= 20"),
            "Expected a message of 20 lines to.*came: the error too_long",
        ),
        Wrong(
            "no key",
            (", key_of(frame))", ")"),
            "Expected the key of the message.*came: an error without it",
        ),
        Wrong(
            "no super",
            ("        super().receive(frame)\n", ""),
            "Expected an answer to a message.*came: nothing: it was lost",
            patience=0.3,
        ),
        Wrong(
            "indexed",
            (
                (
                    "        match frame:\n"
                    '            case {"message": str(text)} if len(text.splitlines())'
                    " > 20:\n"
                ),
                ("        if len(frame['message'].splitlines()) > 20:\n            if True:\n"),
            ),
            "raised KeyError in line 4,.*'message'",
        ),
        Wrong(
            "get",
            (
                (
                    "        match frame:\n"
                    '            case {"message": str(text)} if len(text.splitlines())'
                    " > 20:\n"
                ),
                (
                    "        if len(frame.get('message', '').splitlines()) > 20:\n"
                    "            if True:\n"
                ),
            ),
            "raised AttributeError in line 4,.*'int' object has no attribute",
        ),
        Wrong(
            "async",
            ("def receive", "async def receive"),
            "Expected a plain `def receive`:.*came: an `async def`",
        ),
        Wrong(
            "calls itself",
            ("super().receive(frame)", "self.receive(frame)"),
            (
                r"raised RecursionError in line \d,"
                r".*It calls itself without end: was `super\(\)`"
            ),
        ),
        Wrong(
            "a bare except",
            (
                "        super().receive(frame)",
                (
                    "        try:\n"
                    "            super().receive(frame)\n"
                    "        except:\n"
                    "            pass"
                ),
            ),
            (
                r'Expected an answer to \{"massage":.*came: nothing: it was lost'
                ".*The `except` in line 10 hides"
            ),
            patience=0.3,
        ),
    ],
    "07-3": [
        Wrong(
            "a dot",
            ("urlsplit(origin).netloc == host", 'origin.endswith("." + host)'),
            r"Expected http://chat\.example\.org,.*came: it was turned away \(403\)",
        ),
        Wrong(
            "in",
            ("urlsplit(origin).netloc == host", "host in origin"),
            r"Expected https://evilchat\.example\..*came: it was let in",
        ),
        Wrong(
            "hostname",
            ("netloc", "hostname"),
            r"Expected https://chat\.example\.org:.*came: it was let in",
        ),
        Wrong(
            "is",
            (" == host", " is host"),
            r"Expected http://chat\.example\.org,.*came: it was turned away \(403\)",
        ),
        Wrong(
            "no return",
            ("return ", ""),
            (
                "Expected allows_origin to return"
                r".*came: nothing: a `return` is missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "the other way",
            (" == host", " != host"),
            r"Expected http://chat\.example\.org,.*came: it was turned away \(403\)",
        ),
        Wrong(
            "async",
            ("def allows", "async def allows"),
            ("Expected allows_origin to be a.*came: an `async def`, whose call only begins"),
        ),
        Wrong(
            "self",
            ("(origin, host)", "(self, origin, host)"),
            r"raised TypeError.*It gets less than its `def` takes\. Is an",
        ),
    ],
    "08-1": [
        Wrong(
            "as wished",
            ('"bob-2", "B0b-3", "guest-1", "Bob-4"', '"bob", "B0b", "", "Bob-2"'),
            "Expected the names that the room.*came: others at place 2, 3, 4, 5",
        ),
        Wrong(
            "a zero is another letter",
            ("B0b-3", "B0b"),
            "Expected the names that the room.*came: others at place 3",
        ),
        Wrong(
            "the last as wished",
            ("Bob-4", "Bob-2"),
            "Expected the names that the room.*came: others at place 5",
        ),
        Wrong(
            "a guest without a number",
            ("guest-1", "guest"),
            "Expected the names that the room.*came: others at place 4",
        ),
        Wrong("too few", (', "Bob-4"', ""), "Expected 5 names in `called`.*came: 4"),
        Wrong(
            "a set",
            (
                '["Bob", "bob-2", "B0b-3", "guest-1", "Bob-4"]',
                '{"Bob", "bob-2", "B0b-3", "guest-1", "Bob-4"}',
            ),
            (
                "Expected a list of names in"
                r".*came: a set, \{"
            ),
        ),
        Wrong(
            "one text",
            (
                '["Bob", "bob-2", "B0b-3", "guest-1", "Bob-4"]',
                '"Bob, bob-2, B0b-3, guest-1, Bob-4"',
            ),
            (
                "Expected a list of names in"
                r".*came: a str, 'Bob, bob\-2, B0b\-3, guest\-1, Bob\-4'"
            ),
        ),
        Wrong(
            "no wishes",
            ('["Bob", "  bob ", "B0b", "", "Bob-2"]', "[]"),
            "Expected at least one name in.*came: none",
        ),
    ],
    "08-2": [
        Wrong(
            "how the name begins",
            ("if name == to", "if name.startswith(to)"),
            "Expected the visitor whose whole name is Bob.*came: Bob-2 heard it, too",
        ),
        Wrong(
            "not the sender",
            ("{self, *found}", "found"),
            "Expected Ada, the sender, to hear.*came: nothing",
        ),
        Wrong(
            "everybody",
            ("{self, *found}", "members"),
            (
                "Expected silence at Eve, to whom"
                r".*came: she heard \[\{'event': 'private', 'name': 'Ada', 'to': 'Bob',"
            ),
        ),
        Wrong(
            "the name of the frame",
            ("members[self]", 'frame.get("name")'),
            "Expected Ada's own name as the.*came: the name that her frame claimed",
        ),
        Wrong(
            "no error",
            ('raise FrameError("nobody", f"There is no {to} here.")', "return"),
            r"Expected an error for Ada, who.*came: \[\]",
        ),
        Wrong(
            "looked up by name",
            ("[visitor for visitor, name in members.items() if name == to]", "[members[to]]"),
            "raised KeyError in line 11,.*'Bob'",
        ),
        Wrong(
            "dumps twice",
            ("visitor.tell(private)", "visitor.tell(__import__('json').dumps(private))"),
            "Expected tell to be given a dict.*came: text: it makes JSON of it by itself",
        ),
        Wrong(
            "async",
            ("def receive", "async def receive"),
            "Expected a plain `def receive`:.*came: an `async def`",
        ),
        Wrong(
            "all rooms",
            (
                "self.room.members",
                ("{v: n for room in self.rooms.open.values() for v, n in room.members.items()}"),
            ),
            "Expected the Bob of this room.*came: a Bob in another room did, too",
        ),
    ],
    "08-3": [
        Wrong(
            "never freed",
            (("        for look in looks(name):\n            self.looks.pop(look, None)\n"), ""),
            r"Expected one Ada, and a stranger.*came: Bob, Ada\-2, Ada\-3",
        ),
        Wrong(
            "not announced",
            ('        self.announce("left", name)', ""),
            (
                "Expected Bob to hear Ada joined,"
                r".*came: Ada joined, Ada joined, Ada\-2 joined, Ada joined"
            ),
        ),
        Wrong(
            "announced before",
            (
                ("        if visitor not in self.members:\n            return\n"),
                (
                    '        self.announce("left", visitor.entry.name)\n'
                    "        if visitor not in self.members:\n"
                    "            return\n"
                ),
            ),
            (
                "Expected Bob to hear Ada joined,"
                ".*came: Ada joined, Ada left, Ada left, Ada joined, Ada left, Ada"
            ),
        ),
        Wrong(
            "KeyError",
            (("        if visitor not in self.members:\n            return\n"), ""),
            r"raised KeyError in line 6,.*<chatkit\.handlers\.ChatSocket object",
        ),
        Wrong(
            "live dictionary",
            (
                "        name = self.members.pop(visitor)\n",
                (
                    "        for one in self.members:\n"
                    "            if one is visitor:\n"
                    "                name = self.members.pop(one)\n"
                ),
            ),
            (
                "Expected Ada to come back.*came: she was not let in"
                ".*raised RuntimeError in line 8,.*Somebody comes or goes while you loop: loop"
            ),
            patience=0.3,
        ),
        Wrong(
            "async",
            ("def leave", "async def leave"),
            "Expected a plain `def leave`: it.*came: an `async def`",
        ),
        Wrong(
            "no self",
            ("leave(self, visitor)", "leave(visitor)"),
            r"raised TypeError.*It gets more than its `def` takes\. Is `self`",
            patience=0.3,
        ),
        Wrong(
            "a bare except",
            (
                (
                    "        if visitor not in self.members:\n"
                    "            return\n"
                    "        name = self.members.pop(visitor)\n"
                ),
                (
                    "        try:\n"
                    "            name = self.members.pop(visitor)\n"
                    "        except:\n"
                    "            name = visitor.entry.name\n"
                ),
            ),
            ("Expected one Ada, and a stranger.*came: Bob, Ada, Ada.*The `except` in line 8 hides"),
        ),
    ],
    "09-1": [
        Wrong(
            "one too few",
            ("25", "24"),
            (
                "Expected no message to be missed"
                ".*came: 1 missed, and “Some messages from while you were away may"
            ),
        ),
        Wrong(
            "one too many",
            ("25", "26"),
            "Expected as few places as will do.*came: 26, and fewer would do",
        ),
        Wrong(
            "no return",
            ("return ", ""),
            (
                "Expected a MemoryLog"
                r".*came: nothing: a `return` is missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "the class",
            ("MemoryLog(kept=25)", "MemoryLog"),
            r"Expected a MemoryLog.*came: the class MemoryLog: are `\(\)` missing\?",
        ),
        Wrong(
            "text", ("kept=25", 'kept="25"'), "Expected a number of places that.*came: a str, '25'"
        ),
        Wrong(
            "async",
            ("def a_small", "async def a_small"),
            (
                "Expected a MemoryLog"
                ".*came: a coroutine: it is an `async def`, or an `await` is missing"
            ),
        ),
        Wrong(
            "a log",
            "a_small_log = MemoryLog(kept=25)",
            r"Expected the function a_small_log.*came: <chatkit\.log\.MemoryLog object",
        ),
        Wrong(
            "misspelt",
            ("kept", "keep"),
            r"raised TypeError in line 3,.*Its `def` has no parameter of that name\.",
        ),
    ],
    "09-2": [
        Wrong(
            "by text",
            (
                "if message.id > self.seen:",
                "said = self.__dict__.setdefault('said', set())\n"
                "        if message.message not in said:\n"
                "            said.add(message.message)",
            ),
            "Expected both times that Bob says “yes”.*came: one",
        ),
        Wrong(
            "the next number alone",
            ("message.id > self.seen", "message.id == self.seen + 1"),
            "Expected message 5, though there was no 4 after 3.*came: silence from then on",
            patience=0.3,
        ),
        Wrong(
            "nothing confirmed",
            ("        self.outbox.confirm(message.key)\n", ""),
            "Expected an empty outbox.*came: “Ada's own” still in it, though confirmed",
        ),
        Wrong(
            "seen is not set",
            ("            self.seen = message.id\n", ""),
            "Expected each message to be.*came: “yes” came twice",
        ),
        Wrong(
            ">=",
            ("message.id > self.seen", "message.id >= self.seen"),
            "Expected each message to be.*came: “no” came twice",
        ),
        Wrong(
            "no await",
            ("await self.deliver", "self.deliver"),
            (
                r"Expected the messages \[1, 2, 3,.*came: \[\]"
                r".*made a coroutine, `ChatClient\.deliver`, and nobody awaited it"
            ),
            patience=0.3,
        ),
        Wrong(
            "a plain def",
            (
                "class OnlyOnce(ChatClient):\n"
                "    def take_message(self, message):\n"
                "        self.outbox.confirm(message.key)\n"
                "        if message.id > self.seen:\n"
                "            self.deliver(message)\n"
                "            self.seen = message.id"
            ),
            "Expected an `async def.*came: none",
        ),
        Wrong(
            "no self",
            ("take_message(self, message)", "take_message(message)"),
            r"raised TypeError.*It gets more than its `def` takes\. Is `self`",
        ),
        Wrong(
            "confirmed only if new",
            (
                (
                    "        self.outbox.confirm(message.key)\n"
                    "        if message.id > self.seen:\n"
                    "            await self.deliver(message)\n"
                    "            self.seen = message.id"
                ),
                (
                    "        if message.id > self.seen:\n"
                    "            self.seen = message.id\n"
                    "            self.outbox.confirm(message.id)\n"
                    "            await self.deliver(message)"
                ),
            ),
            "Expected an empty outbox.*came: “Ada's own” still in it, though confirmed",
        ),
        Wrong(
            "a dictionary",
            ("message.id > self.seen", 'message["id"] > self.seen'),
            r"raised TypeError in line 5,.*A message's text is message\.message, and its",
        ),
    ],
    "09-3": [
        Wrong(
            "the other way round",
            (
                "class Eager(Room):\n"
                "    def flush(self):\n"
                "        batch, self.arrived = self.arrived, []\n"
                "        messages = [message for _, message in batch]\n"
                "        self.log.append(self.name, messages)\n"
                "        numbered = enumerate(messages, self.newest + 1)\n"
                "        self.hear([msgspec.structs.replace(message, id=n) for n,"
                " message in numbered])"
            ),
            (
                "Expected that what was heard is"
                ".*came: Grace heard “two”, and after the crash the disk has 1"
            ),
        ),
        Wrong(
            "nothing reported",
            ("        appending.add_done_callback(partial(self.report, batch))\n", ""),
            (
                "Expected that the sender is told"
                ".*came: Ada was told nothing, so she waits for ever: let report do"
            ),
            patience=0.3,
        ),
        Wrong(
            "report called",
            ("partial(self.report, batch)", "self.report(batch)"),
            r"raised TypeError in line 6,.*It gets less than its `def` takes\. Is an",
            patience=0.3,
        ),
        Wrong(
            "no batch",
            ("partial(self.report, batch)", "self.report"),
            r"raised TypeError.*It gets less than its `def` takes\. Is an",
            patience=0.3,
        ),
        Wrong(
            "async",
            ("def flush", "async def flush"),
            "Expected a plain `def flush`: it.*came: an `async def`",
        ),
        Wrong(
            "awaited",
            (
                (
                    "    def flush(self):\n"
                    "        batch, self.arrived = self.arrived, []\n"
                    "        appending = self"
                ),
                (
                    "    async def flush(self):\n"
                    "        batch, self.arrived = self.arrived, []\n"
                    "        appending = await self"
                ),
            ),
            "Expected a plain `def flush`: it.*came: an `async def`",
        ),
        Wrong(
            "not stored",
            (
                (
                    "        appending = self.log.append(self.name, [message for _,"
                    " message in batch])\n"
                    "        appending.add_done_callback(partial(self.report, batch))\n"
                ),
                "        self.hear([message for _, message in batch])\n",
            ),
            (
                "Expected that what was heard is"
                ".*came: Grace heard “one”, and after the crash the disk has 0"
            ),
        ),
    ],
    "10-1": [
        Wrong(
            "asked for by each",
            ("        if not self.arrived:\n    ", ""),
            "Expected one write for 20 messages.*came: 20 writes: `flush` was asked for by more",
        ),
        Wrong(
            "shorter",
            ("call_soon(self.flush)", "call_later(0.005, self.flush)"),
            "Expected a lone message to leave.*came: it was kept waiting",
        ),
        Wrong(
            "called too early",
            ("call_soon(self.flush)", "call_soon(self.flush())"),
            "Expected what is said in one turn.*came: a write for each message",
        ),
        Wrong(
            "at once",
            (
                (
                    "            asyncio.get_running_loop().call_soon(self.flush)  #"
                    " no timer: when this turn is over\n"
                    "        self.arrived.append(frame)"
                ),
                ("            pass\n        self.arrived.append(frame)\n        self.flush()"),
            ),
            "Expected what is said in one turn.*came: a write for each message",
        ),
        Wrong(
            "with seconds",
            ("call_soon(self.flush)", "call_soon(0, self.flush)"),
            "Expected what is said to leave.*came: nothing left",
            patience=0.3,
        ),
        Wrong(
            "appended first",
            (
                (
                    "        if not self.arrived:\n"
                    "            asyncio.get_running_loop().call_soon(self.flush)  #"
                    " no timer: when this turn is over\n"
                    "        self.arrived.append(frame)"
                ),
                (
                    "        self.arrived.append(frame)\n"
                    "        if not self.arrived:\n"
                    "            asyncio.get_running_loop().call_soon(self.flush)"
                ),
            ),
            "Expected what is said to leave.*came: nothing left",
            patience=0.3,
        ),
        Wrong(
            "time.sleep",
            (
                "asyncio.get_running_loop().call_soon(self.flush)",
                "__import__('time').sleep(0.05); self.flush()",
            ),
            "Expected what is said in one turn.*came: a write for each message",
        ),
        Wrong(
            "async",
            ("def say", "async def say"),
            "Expected a plain `def say`: it is.*came: an `async def`",
        ),
    ],
    "10-2": [
        Wrong(
            "only the own",
            ("by is not channel", "by is channel"),
            r"Expected Ada to hear \['b1'\], if.*came: \['a1', 'a2', 'a3'\]",
            patience=0.3,
        ),
        Wrong(
            "an empty write",
            (("            if frames:\n                self.notify"), "            self.notify"),
            "Expected that who would hear.*came: an empty write to Ada",
        ),
        Wrong(
            "a write for each",
            (
                (
                    '            frames = b"".join(frame for frame, by in arrived if'
                    " by is not channel)\n"
                    "            if frames:\n"
                    "                self.notify([channel], frames)"
                ),
                (
                    "            for frame, by in arrived:\n"
                    "                if by is not channel:\n"
                    "                    self.notify([channel], frame)"
                ),
            ),
            "Expected one write for each.*came: 3 for one of them",
        ),
        Wrong(
            "text for bytes",
            ('b""', '""'),
            (
                r"Expected Ada to hear \['b1'\], if.*came: \[\]"
                r".*raised TypeError in line 11,.*Text and bytes are two things: text\.encode\(\)"
            ),
            patience=0.3,
        ),
        Wrong(
            "no list",
            ("[channel], frames", "channel, frames"),
            (
                r"Expected Ada to hear \['b1'\], if.*came: \[\]"
                ".*raised TypeError in line 13,.*'Relay' object is not iterable"
            ),
            patience=0.3,
        ),
        Wrong(
            "a list",
            (
                'b"".join(frame for frame, by in arrived if by is not channel)',
                "[frame for frame, by in arrived if by is not channel]",
            ),
            r"Expected bytes in each write.*came: a list, \[b'\\x81\\x02b1'\]",
        ),
        Wrong(
            "notify_clients",
            ("self.notify([channel], frames)", "self.notify_clients(frames)"),
            (
                r"Expected Ada to hear \['b1'\], if"
                r".*came: \['"
            ),
        ),
        Wrong(
            "async",
            ("def flush", "async def flush"),
            "Expected a plain `def flush`: it.*came: an `async def`",
        ),
        Wrong(
            "a loop over the live set",
            (
                "for channel in tuple(self.channels):\n",
                ("for channel in self.channels:\n            self.channels.discard(channel)\n"),
            ),
            ("raised RuntimeError in line 10,.*Somebody comes or goes while you loop: loop"),
            patience=0.3,
        ),
    ],
    "10-3": [
        Wrong(
            "a full socket loses a frame",
            ("                sent = 0\n        if", "                return\n        if"),
            "Expected the stream to keep what the socket can't take.*came: nothing is kept",
        ),
        Wrong(
            "a full socket is not thought of",
            (
                "            try:\n"
                "                sent = stream.socket.send(frames)\n"
                "            except BlockingIOError:  # it is full\n"
                "                sent = 0\n",
                "            sent = stream.socket.send(frames)\n",
            ),
            "raised BlockingIOError in line 7",
        ),
        Wrong(
            "all to the stream",
            (
                (
                    "        if not stream.writing():  # else our bytes would overtake"
                    " what waits there\n"
                    "            try:\n"
                    "                sent = stream.socket.send(frames)\n"
                    "            except BlockingIOError:  # it is full\n"
                    "                sent = 0\n"
                ),
                "",
            ),
            "Expected a frame to go straight.*came: the stream had it",
        ),
        Wrong(
            "no call",
            ("stream.writing()", "stream.writing"),
            "Expected a frame to go straight.*came: the stream had it",
        ),
        Wrong(
            "the rest is lost",
            ("            stream.write(frames[sent:])", "            pass"),
            "Expected the stream to keep what.*came: nothing is kept",
        ),
        Wrong(
            "sendall",
            (
                "sent = stream.socket.send(frames)",
                ("stream.socket.sendall(frames)\n                sent = len(frames)"),
            ),
            ("Expected whole frames, in order.*came: a small frame in the middle of a big one"),
        ),
        Wrong(
            "a bare except",
            (
                (
                    "                sent = stream.socket.send(frames)\n"
                    "            except BlockingIOError:  # it is full\n"
                    "                sent = 0"
                ),
                (
                    "                sent = stream.sockets.send(frames)\n"
                    "            except:\n"
                    "                sent = 0"
                ),
            ),
            (
                "Expected a frame to go straight.*came: the stream had it"
                ".*The `except` in line 9 hides"
            ),
        ),
        Wrong(
            "only if all fits",
            ("        if sent < len(frames):", "        if not sent:"),
            "Expected every byte to arrive.*came: the rest of a frame was lost",
            patience=0.3,
        ),
        Wrong(
            "a loop without await",
            (
                (
                    "        if not stream.writing():  # else our bytes would overtake"
                    " what waits there\n"
                ),
                ("        while stream.writing():\n            pass\n        if True:\n"),
            ),
            r"Your code held up everything for \d seconds",
            patience=0.3,
        ),
        Wrong(
            "async",
            ("def send", "async def send"),
            "Expected a plain `def send`: it.*came: an `async def`",
        ),
    ],
    "11-1": [
        Wrong(
            "too hasty",
            ("0.5, 1.5", "1.0, 1.5"),
            (
                "Expected a server that is held"
                r".*came: a sign every 1\.0 seconds, and death after 1\.5"
            ),
        ),
        Wrong(
            "two signs, and none to spare",
            ("0.5, 1.5", "1.0, 2.0"),
            r"Expected a server that is held.*came: a sign every 1\.0 seconds, and death af",
        ),
        Wrong(
            "three seconds, if all goes well",
            ("0.5, 1.5", "1.0, 3.0"),
            "Expected Ada to be gone within 3 seconds.*came: up to 4: 3 of silence, and up to 1",
        ),
        Wrong(
            "the other way round",
            ("0.5, 1.5", "1.5, 0.5"),
            (
                "Expected a server that is held"
                r".*came: a sign every 1\.5 seconds, and death after 0\.5"
            ),
        ),
        Wrong(
            "one number",
            ("0.5, 1.5", "1.5"),
            r"Expected two numbers of seconds.*came: a float, 1\.5",
        ),
        Wrong(
            "text",
            ("0.5, 1.5", '"0.5", "1.5"'),
            r"Expected two numbers of seconds.*came: a tuple, \('0\.5', '1\.5'\)",
        ),
        Wrong(
            "no return",
            ("return ", ""),
            (
                "Expected two numbers of seconds"
                r".*came: nothing: a `return` is missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "async",
            ("def signs", "async def signs"),
            (
                "Expected two numbers of seconds"
                ".*came: a coroutine: it is an `async def`, or an `await` is missing"
            ),
        ),
        Wrong(
            "numbers", "signs_of_life = (0.5, 1.5)", r"Expected the function.*came: \(0\.5, 1\.5\)"
        ),
    ],
    "11-2": [
        Wrong(
            "hash of a text",
            ('sha256(f"{cell} {room}".encode()).digest()', "hash(cell + room)"),
            "Expected a room to be in the same cell for everybody.*came: `hash` of a text is diff",
        ),
        Wrong(
            "the room alone", ('f"{cell} {room}"', "room"), "Expected the new cell to take.*came: 0"
        ),
        Wrong(
            "the cell alone", ('f"{cell} {room}"', "cell"), "Expected the new cell to take.*came: 0"
        ),
        Wrong(
            "no encode",
            (".encode()", ""),
            "raised TypeError in line 6,.*Strings must be encoded before hashing",
        ),
        Wrong(
            "the value",
            (
                ('max(cells, key=lambda cell: sha256(f"{cell} {room}".encode()).digest())'),
                'max(sha256(f"{cell} {room}".encode()).digest() for cell in cells)',
            ),
            (
                r"Expected one of \['north',"
                r".*came: a bytes, b'\\xd1\\xddH\\xb1\\x1e\#\\xc4\\xfb\|\?a1\\xbaN\\xcfbJ\\x93\\xb2"
            ),
        ),
        Wrong(
            "random",
            (
                ('max(cells, key=lambda cell: sha256(f"{cell} {room}".encode()).digest())'),
                "__import__('random').choice(cells)",
            ),
            "Expected rooms to move to the new.*came: some moved between the old ones",
        ),
        Wrong(
            "no return",
            ("return ", ""),
            (
                r"Expected one of \['north',"
                r".*came: nothing: a `return` is missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "async",
            ("def cell_of", "async def cell_of"),
            (
                r"Expected one of \['north',"
                ".*came: a coroutine: it is an `async def`, or an `await` is missing"
            ),
        ),
    ],
    "11-3": [
        Wrong(
            "all anew, without what was heard before",
            (
                "async def follow(redis, hear):\n"
                "    heard = []\n"
                "    while True:\n"
                "        with suppress(RedisError):\n"
                '            for _, fields in await redis.xrange("lobby"):\n'
                '                if fields["text"] not in heard:\n'
                '                    heard.append(fields["text"])\n'
                '                    hear(fields["text"])\n'
                "        await asyncio.sleep(0.02)\n"
            ),
            "Expected what is said twice to be heard twice.*came: it was once",
            patience=1.0,
        ),
        Wrong("$ once", ('"0-0"', '"$"'), "Expected what was said while the.*came: it is missing"),
        Wrong(
            "from the start each time",
            (('    last = "0-0"\n    while True:\n'), ('    while True:\n        last = "0-0"\n')),
            r"Expected \['one', 'two', 'three'\].*came: \['one', 'one', 'two', 'three'\]",
        ),
        Wrong(
            "last is never set",
            ("                        last = at\n", ""),
            (
                r"Expected \['two', 'three'\]"
                r".*came: \['two', 'two', 'two', 'two', 'two', 'two', 'two', 'two',"
            ),
        ),
        Wrong(
            "no await",
            ("await redis", "redis"),
            r"raised TypeError in line 7,.*An `await` is missing\.",
            patience=0.3,
        ),
        Wrong(
            "no retry",
            (("    while True:\n        with suppress"), ("    if True:\n        with suppress")),
            "Expected a function that goes on.*came: it came to an end",
            patience=0.3,
        ),
        Wrong(
            "a bare except",
            (
                (
                    "        with suppress(RedisError):  # the line was cut: try again\n"
                    "            while True:\n"
                    '                for _, entries in await redis.xread({"lobby":'
                    " last}, block=1000):\n"
                    "                    for at, fields in entries:\n"
                    '                        hear(fields["text"])\n'
                    "                        last = at\n"
                ),
                (
                    "        try:\n"
                    '            for _, entries in await redis.xread({"lobby": last},'
                    " block=1000):\n"
                    "                for at, fields in entries:\n"
                    '                    hear(fields["txt"])\n'
                    "                    last = at\n"
                    "        except:\n"
                    "            pass\n"
                ),
            ),
            "The `except` in line 10 hides",
            patience=0.3,
            limit=1.0,
        ),
        Wrong(
            "await hear",
            ("hear(fields", "await hear(fields"),
            "raised TypeError in line 9,.*Only a coroutine can be awaited: leave",
        ),
        Wrong(
            "a plain def",
            ("def follow(redis, hear):\n    return None"),
            "Expected an `async def follow`.*came: a plain `def`",
        ),
        Wrong(
            "time.sleep",
            ("await asyncio.sleep(0.05)", "__import__('time').sleep(1)"),
            "Your code held up everybody while it slept",
        ),
    ],
    "12-1": [
        Wrong(
            "the stub",
            (
                "async def test_polite(url):\n"
                '    async with ChatClient(url, "Ada") as ada:\n'
                "        refusals = []\n"
                "        ada.on_error(refusals.append)\n"
                '        await ada.send("GO AWAY")\n'
                "        await ada.confirmed()\n"
                '        assert refusals == ["Not so loud!"]\n'
            ),
            "Expected a failure.*refuses an OK.*came: a pass",
        ),
        Wrong(
            "sleeps",
            (
                "await ada.confirmed()",
                "await asyncio.sleep(0.3)",
            ),
            "Expected a pass.*is slow: wait for an event.*came: AssertionError",
        ),
        Wrong(
            "time.sleep",
            ("await ada.confirmed()", "time.sleep(1)"),
            (
                "Expected a pass for a handler that doe.*came: AssertionError.*Your "
                "code held up everybody while it slept"
            ),
        ),
        Wrong(
            "asserts nothing",
            (
                "async def test_polite(url):\n"
                '    async with ChatClient(url, "Ada") as ada:\n'
                '        for text in ("GO AWAY", "OK", "hello"):\n'
                "            await ada.send(text)\n"
                "        await ada.confirmed()\n"
            ),
            "Expected a failure.*lets shouting through.*came: a pass",
        ),
        Wrong(
            "returns instead",
            ("assert refusals", "return refusals"),
            "Expected a failure for a handler that .*came: a pass",
        ),
        Wrong(
            "no await",
            ("await ada.send", "ada.send"),
            (
                r"Expected a pass for a handler that doe.*came: AssertionError.*Your "
                r"code made a coroutine, `ChatClient\.send`"
            ),
        ),
        Wrong(
            "no await of confirmed",
            ("await ada.confirmed", "ada.confirmed"),
            (
                r"Expected a pass for a handler that doe.*came: AssertionError.*Your "
                r"code made a coroutine, `ChatClient\.confirmed`"
            ),
        ),
        Wrong(
            "a bare except",
            (
                '        assert refusals == ["Not so loud!"]\n'
                "        assert [(await anext(ada)).message for _ in range(2)] == "
                '["OK", "hello"]\n',
                "        try:\n"
                '            assert refusals == ["Not so loud!"]\n'
                "        except:\n"
                "            pass\n",
            ),
            "Expected a failure for a handler that .*came: a pass.*The `except` in line 11 hides",
        ),
        Wrong(
            "OK to be refused",
            ('["Not so loud!"]', '["Not so loud!"] * 2'),
            "Expected a pass for a handler that doe.*came: AssertionError",
        ),
        Wrong(
            "a plain def",
            "def test_polite(url):\n    assert True",
            "Expected an `async def test_polite`.*came: a plain `def`",
        ),
        Wrong(
            "called",
            "test_polite = None is None",
            "Expected the function test_polite itse.*came: True",
        ),
    ],
    "12-2": [
        Wrong(
            "too hasty",
            ("request_timeout=1", "request_timeout=0.01"),
            "Expected True for a server that is well.*came: False",
        ),
        Wrong(
            "the page",
            ('url + "healthz"', "url"),
            "Expected False for a server that is about to stop.*came: True",
        ),
        Wrong(
            "no timeout",
            (", request_timeout=1", ""),
            r"Expected False for a server that takes.*came: no answer within 0\.3 seconds",
            patience=0.3,
        ),
        Wrong(
            "nothing is caught",
            (
                "async def healthy(url):\n"
                '    answer = await AsyncHTTPClient().fetch(url + "healthz", request_timeout=1)\n'
                "    return answer.code == 200\n"
            ),
            (
                "Expected False for a server that is ab.*came: HTTPClientError: HTTP "
                "503: Service Unavailable"
            ),
        ),
        Wrong(
            "a bare except, True",
            ("except Exception:\n        return False", "except:\n        return True"),
            "Expected False for a server that is ab.*came: True.*The `except` in line 8 hides",
        ),
        Wrong(
            "None for False",
            ("return False", "pass"),
            "Expected False for a server that is ab.*came: True.*The `except` in line 8 hides",
        ),
        Wrong(
            "no return",
            ("    return True\n", ""),
            (
                r"Expected True for a server that is wel.*came: nothing: a `return` is "
                r"missing \(`print` only shows\)"
            ),
        ),
        Wrong(
            "only 503 is caught",
            (
                'try:\n        await AsyncHTTPClient().fetch(url + "healthz", request_timeout=1)\n'
                "    except Exception",
                "from tornado.httpclient import HTTPClientError\n\n    try:\n"
                '        await AsyncHTTPClient().fetch(url + "healthz", request_timeout=1)\n'
                "    except HTTPClientError",
            ),
            (
                r"Expected False for a server that is de.*came: ConnectionRefusedError: "
                r"\[Errno 111\] Connection refused"
            ),
        ),
        Wrong(
            "raise_error=False",
            ("request_timeout=1", "request_timeout=1, raise_error=False"),
            "Expected False for a server that is ab.*came: True",
        ),
        Wrong(
            "ws",
            ('url + "healthz"', 'url.replace("http", "ws") + "healthz"'),
            "Expected True for a server that is wel.*came: False",
        ),
        Wrong("no await", ("await ", ""), "Expected False for a server that is ab.*came: True"),
        Wrong(
            "a plain def",
            (
                "async def healthy(url):\n    try:\n        await ",
                "def healthy(url):\n    try:\n        ",
            ),
            "Expected an `async def healthy`.*came: a plain `def`",
        ),
        Wrong(
            "urlopen",
            (
                "import urllib.request\n"
                "\n\nasync def healthy(url):\n"
                "    try:\n        return urllib.request.urlopen(url + 'healthz').status == 200\n"
                "    except OSError:\n        return False\n"
            ),
            "Expected a function that waits with `await`.*came: it held up the very loop",
            patience=0.3,
        ),
        Wrong(
            "its status",
            ("return True", 'return "ok"'),
            "Expected True for a server that is wel.*came: a str, 'ok'",
        ),
    ],
    "12-3": [
        Wrong(
            "the stub",
            (
                "def make_host(client):\n"
                "    async def greet(event):\n"
                '        if event["event"] == "joined":\n'
                '            await client.send("Welcome!")\n'
                "\n"
                "    client.on_event(greet)\n"
            ),
            r"Expected 'Welcome, Grace!' when.*came: \['Welcome!'\]\.",
            patience=0.3,
        ),
        Wrong(
            "greets twice",
            (' and event["name"] not in greeted', ""),
            "Expected one welcome, though Grace cam.*came: 2",
        ),
        Wrong(
            "the first alone",
            ('event["name"] not in greeted', "not greeted"),
            r"Expected 'Welcome, Bob!' when.*came: \['Welcome, Grace!'\]\.",
            patience=0.3,
        ),
        Wrong(
            "at every event",
            ('event["event"] == "joined" and event["name"] not in', 'event["name"] not in'),
            r"Expected besides the welcomes only 'Ad.*came: \['Welcome, Ada!', 'Ada, host'\]",
        ),
        Wrong(
            "greets who speaks, itself too",
            (
                '        if message.message == "!who":\n',
                "        if message.name not in greeted:\n"
                "            greeted.add(message.name)\n"
                '            await client.send(f"Welcome, {message.name}!")\n'
                '        if message.message == "!who":\n',
            ),
            (
                r"Expected besides the welcomes only 'Ad.*came: \['Welcome, host!', "
                r"'Welcome, Ada!', 'Ada, host'\]"
            ),
        ),
        Wrong(
            "everything with !who",
            ('message.message == "!who"', '"!who" in message.message'),
            r"Expected besides the welcomes only 'Ad.*came: \['Ada, host', 'Ada, host'\]",
        ),
        Wrong(
            "no await",
            ("await client.send(f", "client.send(f"),
            r"Expected 'Welcome, Grace!'.*came: silence.*coroutine, `ChatClient\.send`",
            patience=0.3,
        ),
        Wrong(
            "not sorted",
            ('", ".join(sorted(client.members))', 'f"{client.members}"'),
            r"""Expected besides the welcomes only 'Ad.*came: \["\['host', 'Ada'\]"\]""",
            patience=0.3,
        ),
        Wrong(
            "not registered",
            ("    client.on_event(greet)\n", ""),
            "Expected 'Welcome, Grace!' when.*came: silence",
            patience=0.3,
        ),
        Wrong(
            "called",
            ("on_event(greet)", "on_event(greet())"),
            r"raised TypeError in line 14,.*make_host\.<locals>\.greet\(\) missing 1 required",
        ),
        Wrong(
            "a message is text",
            ("message.message == ", "message == "),
            "Expected besides the welcomes only 'Ad.*came: nothing",
            patience=0.3,
        ),
    ],
    "12-4": [
        Wrong(
            "/meow, too",
            ('command != "me"', 'not command.startswith("me")'),
            r"Expected all to hear \['hello', .*came: \['hello', '\* Ada waves \*', '\* Ada  \*'",
        ),
        Wrong(
            "waves alone",
            ('command != "me"', 'text != "/me waves"'),
            r"Expected all to hear \['hello', .*came: \['hello', '\* Ada waves \*', '1/2'\]",
            patience=0.3,
        ),
        Wrong(
            "always Ada",
            ("* {name} {words} *", "* Ada {words} *"),
            r"Expected all to hear \['hello', .*came: \['hello', .*'\* Ada laughs \*'\]",
            patience=0.3,
        ),
        Wrong(
            "loses the key",
            ("{**frame, ", "{"),
            "Expected Ada to be told what became of.*came: an answer without the key",
            patience=0.3,
        ),
        Wrong(
            "the text alone",
            ('{**frame, "message": f"* {name} {words} *"}', 'f"* {name} {words} *"'),
            "Expected Ada to be told what became of.*came: an answer without the key",
            patience=0.3,
        ),
        Wrong(
            "swallows",
            (
                '                    detail = f"There is no command /{command}: try /me waves."\n'
                '                    raise FrameError("unknown_command", '
                'detail, frame.get("key"))\n',
                "                    return\n",
            ),
            "Expected Ada to be told what became of.*came: nothing",
            patience=0.3,
        ),
        Wrong(
            "an error without the key",
            (', frame.get("key")', ""),
            "Expected Ada to be told what became of.*came: an answer without the key",
            patience=0.3,
        ),
        Wrong(
            "tells the room of the mistake",
            (
                'raise FrameError("unknown_command", detail, frame.get("key"))',
                'return super().receive({**frame, "message": detail})',
            ),
            (
                r"Expected all to hear \['hello', '\* Ada .*came: \['hello', '\* Ada "
                r"waves \*', 'There is no command /dance: try"
            ),
        ),
        Wrong(
            "a slash anywhere",
            ('text.startswith("/")', '"/" in text'),
            r"Expected all to hear \['hello', .*came: \['hello', '\* Ada waves \*', '\* Bob laughs",
            patience=0.3,
        ),
        Wrong(
            "async",
            ("def receive", "async def receive"),
            "Expected a plain `def receive`: it is .*came: an `async def`",
        ),
        Wrong(
            "no else",
            ("            case _:\n                super().receive(frame)\n", ""),
            "Expected Ada to be told what became of.*came: nothing",
            patience=0.3,
        ),
        Wrong(
            "does not name it",
            ("There is no command /{command}", "What"),
            r"Expected one error for Ada that names .*came: \['What: try /me waves\.', 'What",
        ),
        Wrong(
            "the visitor's name",
            ("self.room.members[self]", "self.name"),
            r"raised AttributeError in line 10,.*'Commands' object has no attribute 'name'\.",
        ),
        Wrong(
            "an object",
            "class Commands(ChatSocket):\n    pass\n\n\nCommands = ChatSocket.__name__",
            "Expected the class Commands, made from.*came: a str, not a class",
        ),
    ],
    "12-5": [
        Wrong(
            "to all who are named",
            ("if name == to", "if name in text"),
            r"Expected Eve to hear \['hello', 'mail m.*came: \['hello', '@Bob the key",
        ),
        Wrong(
            "the stub",
            (
                "class Whispers(ChatSocket):\n"
                "    def receive(self, frame):\n"
                "        match frame:\n"
                '            case {"message": str(text)} if text.startswith("@"):\n'
                '                name, key = self.room.members[self], frame.get("key")\n'
                "                self.tell(Message(text, name=name, time=time.time(), key=key))\n"
                "            case _:\n"
                "                super().receive(frame)\n"
            ),
            "Expected Bob to hear the whisper once.*came: 0 times",
        ),
        Wrong(
            "appends to the log",
            (
                "                for visitor in {self, *found}:\n"
                "                    visitor.tell(private)\n",
                "                super().receive(frame)\n",
            ),
            (
                r"Expected Eve to hear \['hello', 'mail m.*came: \['hello', '@Bob the "
                r"key is under the mat, and not a word to Eve', 'mail me: ada@Bob"
            ),
        ),
        Wrong(
            "forgets the sender",
            ("{self, *found}", "found"),
            "Expected Ada to be told what became of.*came: nothing",
            patience=0.3,
        ),
        Wrong(
            "to all",
            ("{self, *found}", "members"),
            (
                r"Expected Eve to hear \['hello', 'mail m.*came: \['hello', '@Bob the "
                r"key is under the mat, and not a word to Eve', 'mail me: ada@Bob"
            ),
        ),
        Wrong(
            "no key",
            ("time=time.time(), key=key", "time=time.time()"),
            "Expected Ada to be told what became of.*came: an answer without the key",
            patience=0.3,
        ),
        Wrong(
            "an error without the key",
            ('here.", key)', 'here.")'),
            "Expected Ada to be told what became of.*came: an answer without the key",
            patience=0.3,
        ),
        Wrong(
            "no error",
            ('raise FrameError("nobody", f"There is no {to} here.", key)', "found = []"),
            "Expected one error for Ada: there is n.*came: nothing",
        ),
        Wrong(
            "the other's name",
            ("name=members[self]", "name=to"),
            "Expected Ada's name on her whisper.*came: 'Bob'",
        ),
        Wrong(
            "members by name",
            ("[visitor for visitor, name in members.items() if name == to]", "[members[to]]"),
            r"raised KeyError in line 8,.*'Bob'\.",
        ),
        Wrong(
            "an @ anywhere",
            ('text.startswith("@")', '"@" in text'),
            r"Expected Eve to hear \['hello', 'mail m.*came: \['hello'\]",
            patience=0.3,
        ),
        Wrong(
            "text to tell",
            ("visitor.tell(private)", "visitor.tell(text)"),
            "Expected Ada to be told what became of.*came: an answer without the key",
            patience=0.3,
        ),
    ],
    "12-6": [
        Wrong(
            "a task of this thread",
            (
                "asyncio.run_coroutine_threadsafe(self.client.send(text), self.loop)",
                "asyncio.create_task(self.client.send(text))",
            ),
            "Expected `receive` to send when another thread.*came: RuntimeError: no running event",
        ),
        Wrong(
            "append",
            ("self.strokes = [*self.strokes, stroke]", "self.strokes.append(stroke)"),
            (
                "Expected the browser to be told of eac.*came: strokes is still the "
                "same list: `append` tells nobody, a new"
            ),
            patience=0.3,
        ),
        Wrong(
            "json.loads of all",
            (
                "        try:\n"
                "            stroke = msgspec.json.decode(message.message, type=Said).stroke\n"
                "        except msgspec.DecodeError:  # somebody chats\n"
                "            return\n",
                '        stroke = json.loads(message.message)["stroke"]\n',
            ),
            r"raised JSONDecodeError in line 18,.*Expecting value: line 1 column 1 \(char 0\)\.",
        ),
        Wrong(
            "JSON alone is caught",
            (
                "            stroke = msgspec.json.decode(message.message, type=Said).stroke\n"
                "        except msgspec.DecodeError:  # somebody chats\n",
                '            stroke = json.loads(message.message)["stroke"]\n'
                "        except json.JSONDecodeError:\n",
            ),
            "raised TypeError in line 19,.*list indices must be integers or slices, not ",
        ),
        Wrong(
            "any stroke will do",
            (
                "            stroke = msgspec.json.decode(message.message, type=Said).stroke\n"
                "        except msgspec.DecodeError:  # somebody chats\n",
                '            stroke = json.loads(message.message)["stroke"]\n'
                "        except (ValueError, TypeError, KeyError):\n",
            ),
            (
                r"Expected \[\[\[1, 2\], \[3, 4\]\], \[\[5, 6\], \[.*came: \[\[\[1, "
                r'2\], \[3, 4\]\], \[\[5, 6\], \[7, 8\], \[9, 10\]\], "meow", \[\["a",'
            ),
            patience=0.3,
        ),
        Wrong(
            "drawn twice",
            (
                "        text = json",
                '        self.strokes = [*self.strokes, content["stroke"]]\n        text = json',
            ),
            r"Expected.* on Ada's board, where.*came: \[\[\[1, 2\], \[3, 4\]\], \[\[1, 2\]",
            patience=0.3,
        ),
        Wrong(
            "not as text",
            ('json.dumps({"stroke": content["stroke"]})', '{"stroke": content["stroke"]}'),
            "Expected.* on Ada's board, where.*came: nothing",
            patience=0.3,
        ),
        Wrong(
            "no await",
            (
                "asyncio.run_coroutine_threadsafe(self.client.send(text), self.loop)",
                "self.client.send(text)",
            ),
            r"Expected.* on Ada's board, where.*nothing.*coroutine, `ChatClient\.send`",
            patience=0.3,
        ),
        Wrong(
            "asyncio.run",
            (
                "asyncio.run_coroutine_threadsafe(self.client.send(text), self.loop)",
                "asyncio.run(self.client.send(text))",
            ),
            r"raised RuntimeError in line 15,.*asyncio\.run\(\) cannot be called from a running",
            patience=0.3,
        ),
        Wrong(
            "async receive",
            ("def receive", "async def receive"),
            "Expected a plain `def receive`: it is .*came: an `async def`",
        ),
        Wrong(
            "the stroke alone",
            ('json.dumps({"stroke": content["stroke"]})', 'json.dumps(content["stroke"])'),
            "Expected.* on Ada's board, where.*came: nothing",
            patience=0.3,
        ),
        Wrong(
            "replaces",
            ("[*self.strokes, stroke]", "[stroke]"),
            (
                r"Expected \[\[\[1, 2\], \[3, 4\]\], \[\[5, 6\], \[.*came: \[\[\[5, "
                r"6\], \[7, 8\], \[9, 10\]\]\]"
            ),
            patience=0.3,
        ),
        Wrong(
            "the whole frame",
            ("type=Said).stroke", "type=Said)"),
            r"raised TypeError in line 22,.*Object of type Said is not JSON serializable\.",
            patience=0.3,
        ),
    ],
    "12-7": [
        Wrong(
            "known by its colon",
            ("message.name != here.name", '": " not in message.message'),
            r"Expected \['anybody south\?', 'Bob: yes, here', 'Bob: note: hi'\]",
            patience=0.3,
        ),
        Wrong(
            "echo without end",
            ("            if message.name != here.name:\n    ", ""),
            r"Expected \['anybody south\?', 'Bob: yes,.*messages, an echo without end",
            patience=0.3,
        ),
        Wrong(
            "only one way",
            ("    carry(other, one)\n", ""),
            r"Expected \['anybody south\?', 'Bob: yes,.*came: \['anybody south\?'\]",
            patience=0.3,
        ),
        Wrong(
            "the other side's name",
            ("!= here.name", "!= there.name"),
            r"Expected \['anybody south\?', 'Bob: yes,.*messages, an echo without end",
            patience=0.3,
        ),
        Wrong(
            "no name",
            ('f"{message.name}: {message.message}"', "message.message"),
            r"Expected \['anybody south\?', 'Bob: yes,.*came: \['anybody south\?', 'yes, here'\]",
        ),
        Wrong(
            "no await",
            ("await there", "there"),
            (
                r"Expected \['anybody south\?', 'Bob: yes,.*came: \['anybody "
                r"south\?'\].*Your code made a coroutine, `ChatClient\.send`"
            ),
            patience=0.3,
        ),
        Wrong(
            "back to where it was said",
            ("await there", "await here"),
            (
                r"Expected \['anybody south\?', 'Bob: yes,.*came: \['anybody south\?', "
                r"'Ada: anybody south\?'\]"
            ),
            patience=0.3,
        ),
        Wrong(
            "the message itself",
            ('f"{message.name}: {message.message}"', "message"),
            (
                r"Expected \['anybody south\?', 'Bob: yes,.*came: \['anybody "
                r"south\?'\].*Your code raised FrameError in line 6"
            ),
            patience=0.3,
        ),
        Wrong(
            "both names the same",
            ("message.name != here.name", 'message.name != "bridge"'),
            r"Expected \['anybody south\?', 'Bob: yes,.*messages, an echo without end",
            patience=0.3,
        ),
        Wrong(
            "not registered",
            ("        here.on_message(across)\n", ""),
            r"Expected \['anybody south\?', 'Bob: yes,.*came: \['anybody south\?'\]",
            patience=0.3,
        ),
    ],
}
