#pragma once
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

enum request_kind { REQUEST_STATUS, REQUEST_EXTEND, REQUEST_STOP, REQUEST_UNKNOWN };

struct request {
	enum request_kind kind;
	int64_t epoch;
	int64_t deadline_ms;
};

enum { CLIENTS_MAX = 8 };

/* Writes the answer to a request, a line without its end, into `answer`. */
typedef void (*request_handler)(const struct request *request, char *answer, int size);

/* Listens on a socket that only this user may connect to. An old one at that path is replaced. */
bool requests_listen(const char *path);

/* Fills `polled` (CLIENTS_MAX + 1 of them) with what to wait for; returns how many. */
int requests_poll(struct pollfd *polled);

/* Reads and answers what came. */
void requests_serve(const struct pollfd *polled, int count, request_handler handle);
