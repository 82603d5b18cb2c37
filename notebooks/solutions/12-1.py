# Exercise 12-1
async def test_polite(url):
    async with ChatClient(url, "Ada") as ada:
        refusals = []
        ada.on_error(refusals.append)
        for text in ("GO AWAY", "OK", "hello"):
            await ada.send(text)
        await ada.confirmed()
        assert refusals == ["Not so loud!"]
        assert [(await anext(ada)).message for _ in range(2)] == ["OK", "hello"]
