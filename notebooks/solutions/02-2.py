# Exercise 02-2
def notify_others(broadcaster, sender, text):
    for channel in tuple(broadcaster.channels):
        if channel is not sender:
            try:
                channel.send(text)
            except Exception:
                broadcaster.disconnect(channel)
                channel.close()
