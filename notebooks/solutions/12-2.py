# Exercise 12-2
from tornado.httpclient import AsyncHTTPClient


async def healthy(url):
    try:
        await AsyncHTTPClient().fetch(url + "healthz", request_timeout=1)
    except Exception:
        return False
    return True
