# Exercise 07-3
def allows_origin(origin, host):
    return urlsplit(origin).netloc == host
