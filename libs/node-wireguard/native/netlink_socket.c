/*
 * A netlink socket for JavaScript: open, send, receive, close. Nothing here knows what a message means; messages are made
 * and read in TypeScript, where a mistake is an error and not a wild pointer.
 *
 *     const socket = new NetlinkSocket(protocol);        // throws
 *     await socket.send(bytes);                          // Uint8Array, one datagram to the kernel
 *     const bytes = await socket.receive(timeoutMs);     // Uint8Array, one datagram from the kernel
 *     socket.close();                                    // no error if it is closed already
 *
 * The kernel carries a request out within send(2), so that and waiting are done on libuv's threads. Errors have the
 * properties `errno` (a positive number, ETIMEDOUT where nothing came) and `syscall`.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <node_api.h>

/* The kernel's dumps come in datagrams of at most 32 KiB (af_netlink.c, netlink_dump). */
#define RECEIVE_BYTES (64 * 1024)
/* Nobody waits for longer: threads of libuv are few. */
#define TIMEOUT_MS_MAX (60 * 1000)

/* Only JavaScript's thread looks at these. */
typedef struct {
	int fd;
	/* Calls on libuv's threads. */
	unsigned int running;
	bool is_closed;
	/* The object is gone. */
	bool is_orphan;
} netlink_socket;

typedef struct {
	napi_async_work work;
	napi_deferred deferred;
	/* Keeps the object, and with it the socket, from being collected meanwhile. */
	napi_ref object;
	netlink_socket *socket;
	/* The socket's, for as long as this runs. */
	int fd;
	bool is_send;
	int timeout_ms;
	uint8_t *bytes;
	size_t length;
	int error;
	const char *syscall;
} operation;

static const napi_type_tag SOCKET_TAG = { 0x8a1c6f0d5b3e4c27, 0x91d7e2f4a6085b3c };

/* ---- What happens on libuv's threads: plain C, no N-API ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void execute_send(operation *op)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent;

	do {
		sent = sendto(op->fd, op->bytes, op->length, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	} while (sent < 0 && errno == EINTR);
	op->syscall = "sendto";
	op->error = sent < 0 ? errno : (size_t)sent == op->length ? 0 : EMSGSIZE;
}

/* Waits until there is something to read. Gives an errno, ETIMEDOUT when the time is over. */
static int wait_readable(int fd, int64_t deadline)
{
	for (;;) {
		const int64_t left = deadline - now_ms();
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int count;

		if (left < 0)
			return ETIMEDOUT;
		count = poll(&poll_fd, 1, (int)left);
		if (count > 0)
			return 0;
		if (count < 0 && errno != EINTR)
			return errno;
	}
}

static void execute_receive(operation *op)
{
	const int64_t deadline = now_ms() + op->timeout_ms;

	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_length = sizeof(from);
		ssize_t length;

		op->syscall = "poll";
		op->error = wait_readable(op->fd, deadline);
		if (op->error)
			return;
		op->syscall = "recvfrom";
		/* MSG_TRUNC: the datagram's real length, so that one that does not fit is noticed. */
		length = recvfrom(op->fd, op->bytes, RECEIVE_BYTES, MSG_TRUNC, (struct sockaddr *)&from,
				  &from_length);
		if (length < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			op->error = errno;
			return;
		}
		/* Other programs can send to this socket too; only the kernel is port 0. */
		if (from_length != sizeof(from) || from.nl_pid != 0)
			continue;
		op->error = length > RECEIVE_BYTES ? EMSGSIZE : 0;
		op->length = op->error ? 0 : (size_t)length;
		return;
	}
}

static void execute(napi_env env, void *data)
{
	operation *op = data;

	(void)env;
	if (op->is_send)
		execute_send(op);
	else
		execute_receive(op);
}

/* ---- JavaScript's thread ---- */

/* Gives back what nothing needs any more: the file of a closed socket on which nothing runs, the memory of an orphan. */
static void release(netlink_socket *socket)
{
	if (!socket->is_closed || socket->running > 0)
		return;
	if (socket->fd >= 0)
		close(socket->fd);
	socket->fd = -1;
	if (socket->is_orphan)
		free(socket);
}

static void finalize_socket(napi_env env, void *data, void *hint)
{
	netlink_socket *socket = data;

	(void)env;
	(void)hint;
	/* Calls hold the object, so nothing runs on it - but at the end of the process. */
	socket->is_closed = true;
	socket->is_orphan = true;
	release(socket);
}

/* Messages may hold private keys: no bytes stay behind. */
static void free_operation(napi_env env, operation *op)
{
	if (op->bytes) {
		explicit_bzero(op->bytes, op->is_send ? op->length : RECEIVE_BYTES);
		free(op->bytes);
	}
	if (op->object)
		napi_delete_reference(env, op->object);
	if (op->work)
		napi_delete_async_work(env, op->work);
	free(op);
}

static napi_value make_error(napi_env env, int error, const char *syscall)
{
	napi_value message, number, name, result = NULL;

	if (napi_create_string_utf8(env, strerror(error), NAPI_AUTO_LENGTH, &message) != napi_ok ||
	    napi_create_error(env, NULL, message, &result) != napi_ok ||
	    napi_create_int32(env, error, &number) != napi_ok ||
	    napi_set_named_property(env, result, "errno", number) != napi_ok ||
	    napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &name) != napi_ok ||
	    napi_set_named_property(env, result, "syscall", name) != napi_ok)
		return NULL;
	return result;
}

static napi_value throw_errno(napi_env env, int error, const char *syscall)
{
	napi_value result = make_error(env, error, syscall);

	if (result)
		napi_throw(env, result);
	return NULL;
}

/* A Uint8Array, and no Buffer: a slice of that would share its memory. */
static napi_value make_bytes(napi_env env, const uint8_t *bytes, size_t length)
{
	napi_value buffer, result = NULL;
	void *data;

	if (napi_create_arraybuffer(env, length, &data, &buffer) != napi_ok)
		return NULL;
	memcpy(data, bytes, length);
	if (napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &result) != napi_ok)
		return NULL;
	return result;
}

static void complete(napi_env env, napi_status status, void *data)
{
	operation *op = data;
	napi_value result = NULL;

	op->socket->running -= 1;
	release(op->socket);
	if (status == napi_cancelled) {
		op->error = ECANCELED;
		op->syscall = op->is_send ? "sendto" : "recvfrom";
	}
	if (!op->error && op->is_send)
		napi_get_undefined(env, &result);
	else if (!op->error)
		result = make_bytes(env, op->bytes, op->length);
	if (result)
		napi_resolve_deferred(env, op->deferred, result);
	else
		napi_reject_deferred(env, op->deferred,
				     make_error(env, op->error ? op->error : ENOMEM, op->syscall));
	free_operation(env, op);
}

/* The socket behind `this`, and one argument. NULL after an exception was thrown. */
static netlink_socket *unwrap(napi_env env, napi_callback_info info, napi_value *this, napi_value *argument)
{
	size_t count = 1;
	bool is_socket = false;
	void *socket = NULL;

	if (napi_get_cb_info(env, info, &count, argument, this, NULL) != napi_ok ||
	    napi_check_object_type_tag(env, *this, &SOCKET_TAG, &is_socket) != napi_ok || !is_socket ||
	    napi_unwrap(env, *this, &socket) != napi_ok) {
		napi_throw_type_error(env, NULL, "this is no NetlinkSocket");
		return NULL;
	}
	return socket;
}

/* Hands the operation to libuv's threads and gives its promise. Frees it where that is not possible. */
static napi_value start(napi_env env, napi_value this, operation *op, const char *name)
{
	napi_value promise, resource_name;

	if (napi_create_reference(env, this, 1, &op->object) != napi_ok ||
	    napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &resource_name) != napi_ok ||
	    napi_create_async_work(env, NULL, resource_name, execute, complete, op, &op->work) != napi_ok ||
	    napi_create_promise(env, &op->deferred, &promise) != napi_ok ||
	    napi_queue_async_work(env, op->work) != napi_ok) {
		free_operation(env, op);
		return throw_errno(env, ENOMEM, name);
	}
	op->socket->running += 1;
	return promise;
}

static napi_value socket_send(napi_env env, napi_callback_info info)
{
	napi_value this, argument;
	netlink_socket *socket = unwrap(env, info, &this, &argument);
	napi_typedarray_type type;
	bool is_typed_array = false;
	void *bytes;
	size_t length;
	operation *op;

	if (!socket)
		return NULL;
	if (socket->is_closed)
		return throw_errno(env, EBADF, "sendto");
	if (napi_is_typedarray(env, argument, &is_typed_array) != napi_ok || !is_typed_array ||
	    napi_get_typedarray_info(env, argument, &type, &length, &bytes, NULL, NULL) != napi_ok ||
	    type != napi_uint8_array) {
		napi_throw_type_error(env, NULL, "a message is a Uint8Array");
		return NULL;
	}
	if (length == 0)
		return throw_errno(env, EINVAL, "sendto");
	op = calloc(1, sizeof(*op));
	if (!op)
		return throw_errno(env, ENOMEM, "sendto");
	op->socket = socket;
	op->fd = socket->fd;
	op->is_send = true;
	op->length = length;
	op->bytes = malloc(length);
	if (!op->bytes) {
		free_operation(env, op);
		return throw_errno(env, ENOMEM, "sendto");
	}
	/* A copy: JavaScript may write into its array meanwhile. */
	memcpy(op->bytes, bytes, length);
	return start(env, this, op, "sendto");
}

static napi_value socket_receive(napi_env env, napi_callback_info info)
{
	napi_value this, argument;
	netlink_socket *socket = unwrap(env, info, &this, &argument);
	int32_t timeout_ms;
	operation *op;

	if (!socket)
		return NULL;
	if (socket->is_closed)
		return throw_errno(env, EBADF, "recvfrom");
	if (napi_get_value_int32(env, argument, &timeout_ms) != napi_ok || timeout_ms < 0 ||
	    timeout_ms > TIMEOUT_MS_MAX) {
		napi_throw_range_error(env, NULL, "a timeout is between 0 and 60000 ms");
		return NULL;
	}
	op = calloc(1, sizeof(*op));
	if (!op)
		return throw_errno(env, ENOMEM, "recvfrom");
	op->socket = socket;
	op->fd = socket->fd;
	op->timeout_ms = timeout_ms;
	op->bytes = calloc(1, RECEIVE_BYTES);
	if (!op->bytes) {
		free_operation(env, op);
		return throw_errno(env, ENOMEM, "recvfrom");
	}
	return start(env, this, op, "recvfrom");
}

static napi_value socket_close(napi_env env, napi_callback_info info)
{
	napi_value this, argument;
	netlink_socket *socket = unwrap(env, info, &this, &argument);

	if (!socket)
		return NULL;
	/* The file stays open while a call waits on it, so that its number cannot become another file's. */
	socket->is_closed = true;
	release(socket);
	return NULL;
}

/* Gives the file descriptor of a new socket, or -1 with errno. */
static int open_socket(int protocol)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	const int one = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int error;

	if (fd < 0)
		return -1;
	/* Words besides the error number, and errors without the request that they refuse. */
	if (setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one)) == 0 &&
	    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one)) == 0 &&
	    bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static napi_value construct(napi_env env, napi_callback_info info)
{
	napi_value this, argument, target = NULL;
	size_t count = 1;
	int32_t protocol;
	netlink_socket *socket;

	napi_get_new_target(env, info, &target);
	if (!target || napi_get_cb_info(env, info, &count, &argument, &this, NULL) != napi_ok ||
	    napi_get_value_int32(env, argument, &protocol) != napi_ok) {
		napi_throw_type_error(env, NULL, "call it as new NetlinkSocket(protocol)");
		return NULL;
	}
	socket = calloc(1, sizeof(*socket));
	if (!socket)
		return throw_errno(env, ENOMEM, "socket");
	socket->fd = open_socket(protocol);
	if (socket->fd < 0) {
		const int error = errno;

		free(socket);
		return throw_errno(env, error, "socket");
	}
	if (napi_type_tag_object(env, this, &SOCKET_TAG) != napi_ok ||
	    napi_wrap(env, this, socket, finalize_socket, NULL, NULL) != napi_ok) {
		finalize_socket(env, socket, NULL);
		return throw_errno(env, ENOMEM, "socket");
	}
	return this;
}

NAPI_MODULE_INIT()
{
	const napi_property_descriptor methods[] = {
		{ .utf8name = "send", .method = socket_send, .attributes = napi_default_method },
		{ .utf8name = "receive", .method = socket_receive, .attributes = napi_default_method },
		{ .utf8name = "close", .method = socket_close, .attributes = napi_default_method },
	};
	napi_value class;

	if (napi_define_class(env, "NetlinkSocket", NAPI_AUTO_LENGTH, construct, NULL,
			      sizeof(methods) / sizeof(methods[0]), methods, &class) != napi_ok ||
	    napi_set_named_property(env, exports, "NetlinkSocket", class) != napi_ok)
		return NULL;
	return exports;
}
