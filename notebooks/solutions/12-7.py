# Exercise 12-7
def bridge(one, other):
    def carry(here, there):
        async def across(message):
            if message.name != here.name:
                await there.send(f"{message.name}: {message.message}")

        here.on_message(across)

    carry(one, other)
    carry(other, one)
