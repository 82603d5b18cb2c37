# Exercise 11-3
async def follow(redis, hear):
    last = "0-0"
    while True:
        with suppress(RedisError):  # the line was cut: try again
            while True:
                for _, entries in await redis.xread({"lobby": last}, block=1000):
                    for at, fields in entries:
                        hear(fields["text"])
                        last = at
        await asyncio.sleep(0.05)
