/*
 * who [ADDRESS:]PORT[/udp]...
 *
 * A server that tells its client the address it sees: over TCP as the first line, after which it sends back what it is sent;
 * over UDP as the answer to anything. Without an ADDRESS (IPv4) on all of both families.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum kind { LISTENER, DATAGRAMS, CLIENT };

#define LIMIT 1024
static struct pollfd sockets[LIMIT];
static enum kind kinds[LIMIT];
static int count;

static void fail(const char *what, const char *word)
{
	fprintf(stderr, "who: cannot %s \"%s\": %m\n", what, word);
	exit(1);
}

static void add(int fd, enum kind kind)
{
	if (count == LIMIT) { close(fd); return; }
	sockets[count] = (struct pollfd){ .fd = fd, .events = POLLIN };
	kinds[count++] = kind;
}

static void forget(int index)
{
	close(sockets[index].fd);
	sockets[index] = sockets[--count];
	kinds[index] = kinds[count];
}

static void serve(const char *word)
{
	const char *colon = strchr(word, ':');
	struct sockaddr_in6 at = { .sin6_family = AF_INET6 };
	const int udp = strstr(word, "/udp") != NULL, yes = 1, no = 0;
	if (colon != NULL) { // an IPv4 address in the form that a socket for both families takes
		char text[64];
		snprintf(text, sizeof text, "::ffff:%.*s", (int)(colon - word), word);
		if (inet_pton(AF_INET6, text, &at.sin6_addr) != 1) fail("read", word);
	}
	at.sin6_port = htons(atoi(colon == NULL ? word : colon + 1));
	int fd = socket(AF_INET6, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	if (fd < 0) fail("open a socket for", word);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || (!udp && listen(fd, 256) != 0)) fail("serve", word);
	add(fd, udp ? DATAGRAMS : LISTENER);
}

/* The address as people write it, and a line break. */
static int line(const struct sockaddr_in6 *from, char *text, size_t size)
{
	char name[INET6_ADDRSTRLEN];
	inet_ntop(AF_INET6, &from->sin6_addr, name, sizeof name);
	return snprintf(text, size, "%s\n", IN6_IS_ADDR_V4MAPPED(&from->sin6_addr) ? name + strlen("::ffff:") : name);
}

static void handle(int index)
{
	struct sockaddr_in6 from;
	socklen_t size = sizeof from;
	char buffer[4096];
	const int yes = 1, fd = sockets[index].fd;
	ssize_t length;
	switch (kinds[index]) {
	case LISTENER: {
		int client = accept(fd, (struct sockaddr *)&from, &size);
		if (client < 0) return;
		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
		length = line(&from, buffer, sizeof buffer);
		if (write(client, buffer, length) != length) close(client);
		else add(client, CLIENT);
		return;
	}
	case DATAGRAMS:
		if (recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &size) < 0) return;
		length = line(&from, buffer, sizeof buffer);
		sendto(fd, buffer, length, 0, (struct sockaddr *)&from, size);
		return;
	case CLIENT:
		length = read(fd, buffer, sizeof buffer);
		if (length <= 0 || write(fd, buffer, length) != length) forget(index);
	}
}

static void end(int signal) { _exit(signal == SIGTERM ? 0 : 1); }

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, end);
	for (int i = 1; i < argc; i++) serve(argv[i]);
	if (count == 0) { fprintf(stderr, "usage: who [ADDRESS:]PORT[/udp]...\n"); return 1; }
	for (;;) {
		if (poll(sockets, count, -1) < 0) continue;
		for (int i = count - 1; i >= 0; i--) // from the end: handling may take one away
			if (sockets[i].revents != 0) handle(i);
	}
}
