# Exercise 04-1
class ShoutCodec(JsonCodec):
    subprotocol = "chatkit.shout"

    def encode(self, frame):
        fields = msgspec.to_builtins(frame)
        if "message" in fields:
            fields["message"] = fields["message"].upper()
        return super().encode(fields)
