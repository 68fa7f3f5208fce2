#include "requests.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 128, ANSWER_MAX_BYTES = 512 };

struct client {
	int socket;
	int length;
	char line[LINE_MAX_BYTES];
};

static int listener = -1;
static struct client clients[CLIENTS_MAX];
static int client_count;

bool requests_listen(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0 || (unlink(path) != 0 && errno != ENOENT)) return false;
	mode_t before = umask(0177);
	bool done = bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0;
	umask(before);
	return done && listen(listener, CLIENTS_MAX) == 0;
}

int requests_poll(struct pollfd *polled)
{
	polled[0] = (struct pollfd){.fd = client_count < CLIENTS_MAX ? listener : -1, .events = POLLIN};
	for (int i = 0; i < client_count; i++) polled[i + 1] = (struct pollfd){.fd = clients[i].socket, .events = POLLIN};
	return client_count + 1;
}

static struct request parse(const char *line)
{
	struct request request = {.kind = REQUEST_UNKNOWN};
	char rest;
	if (strcmp(line, "status") == 0) request.kind = REQUEST_STATUS;
	if (sscanf(line, "stop %18ld%c", &request.epoch, &rest) == 1) request.kind = REQUEST_STOP;
	if (sscanf(line, "extend %18ld %18ld%c", &request.epoch, &request.deadline_ms, &rest) == 2)
		request.kind = REQUEST_EXTEND;
	return request;
}

/* Whether the client stays: what it sent is answered line by line, and a line that is too long ends it. */
static bool serve(struct client *client, request_handler handle)
{
	ssize_t got = read(client->socket, client->line + client->length, sizeof(client->line) - 1 - client->length);
	if (got < 0) return errno == EAGAIN || errno == EINTR;
	if (got == 0) return false;
	client->length += (int)got;
	client->line[client->length] = '\0';
	char *end;
	while ((end = strchr(client->line, '\n')) != NULL) {
    *end = '\0';
		struct request request = parse(client->line);
		char answer[ANSWER_MAX_BYTES];
		handle(&request, answer, sizeof(answer) - 1);
		strcat(answer, "\n");
		ssize_t size = (ssize_t)strlen(answer);
		/* A client that does not read its answers is none. */
		if (send(client->socket, answer, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL) != size) return false;
		client->length -= (int)(end + 1 - client->line);
		memmove(client->line, end + 1, (size_t)client->length + 1);
	}
	return client->length < LINE_MAX_BYTES - 1;
}

void requests_serve(const struct pollfd *polled, int count, request_handler handle)
{
	for (int i = count - 2; i >= 0; i--) {
		if (polled[i + 1].revents == 0 || serve(&clients[i], handle)) continue;
		close(clients[i].socket);
		clients[i] = clients[--client_count];
	}
	if (polled[0].revents == 0 || client_count == CLIENTS_MAX) return;
	int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (socket >= 0) clients[client_count++] = (struct client){.socket = socket};
}
