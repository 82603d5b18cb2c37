/* What the machine can do: a relay in C with nothing around it, for Linux.
 *
 *     cc -O2 -o bare bare.c && ./bare delivery|turn
 *
 * It believes every handshake, and sends each text frame that comes to everyone: with one `send`
 * for each delivery, or with one for each client and turn of its loop. It prints its port.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 65536, EVENTS = 1024, INBOX = 65536, OUTBOX = 1 << 22 };

struct client {
    int fd, open, size;
    unsigned char *inbox;
};

static struct client clients[CLIENTS];
static int fds[CLIENTS], count;
static unsigned char outbox[OUTBOX];
static size_t waiting;
static int by_delivery;

static void put(int fd, const unsigned char *data, size_t size) {
    while (size) { /* a client that reads too slowly holds up all others: this is no chat */
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return;
        if (sent > 0) {
            data += sent;
            size -= sent;
        }
    }
}

static void flush(void) {
    for (int i = 0; waiting && i < count; i++)
        put(fds[i], outbox, waiting);
    waiting = 0;
}

static void tell(const unsigned char *payload, size_t size) {
    if (waiting + size + 4 > OUTBOX)
        flush();
    unsigned char *out = outbox + waiting;
    *out++ = 0x81;
    if (size < 126) {
        *out++ = size;
    } else {
        *out++ = 126;
        *out++ = size >> 8;
        *out++ = size;
    }
    memcpy(out, payload, size);
    waiting = out + size - outbox;
    if (by_delivery)
        flush();
}

/* Answer the handshake, or take the first frame; return how many bytes that took, 0 if none. */
static int take(struct client *c, unsigned char *data, int size) {
    if (!c->open) {
        unsigned char *end = memmem(data, size, "\r\n\r\n", 4);
        if (!end)
            return 0;
        static const char yes[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n\r\n";
        put(c->fd, (const unsigned char *)yes, sizeof yes - 1);
        c->open = 1;
        fds[count++] = c->fd;
        return end + 4 - data;
    }
    if (size < 6)
        return 0;
    int length = data[1] & 0x7f, at = 2;
    if (length == 126) {
        length = data[2] << 8 | data[3];
        at = 4;
    }
    if (size < at + 4 + length)
        return 0;
    unsigned char *mask = data + at, *payload = mask + 4;
    for (int i = 0; i < length; i++)
        payload[i] ^= mask[i & 3];
    if ((data[0] & 0x0f) == 1)
        tell(payload, length);
    return at + 4 + length;
}

static void leave(struct client *c) {
    for (int i = 0; i < count; i++)
        if (fds[i] == c->fd)
            fds[i] = fds[--count];
    close(c->fd);
    free(c->inbox);
    memset(c, 0, sizeof *c);
}

static void hear(struct client *c) {
    ssize_t size = recv(c->fd, c->inbox + c->size, INBOX - c->size, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        leave(c);
        return;
    }
    c->size += size;
    int at = 0, taken;
    while ((taken = take(c, c->inbox + at, c->size - at)))
        at += taken;
    memmove(c->inbox, c->inbox + at, c->size - at);
    c->size -= at;
}

int main(int argc, char **argv) {
    by_delivery = argc > 1 && !strcmp(argv[1], "delivery");
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), loop = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1024))
        return 1;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(loop, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                hear(&clients[fd]);
                continue;
            }
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fd >= CLIENTS) {
                    close(fd);
                    continue;
                }
                int yes = 1;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                clients[fd] = (struct client){.fd = fd, .inbox = malloc(INBOX)};
                event.data.fd = fd;
                epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
            }
        }
        flush();
    }
}
