/*
 * fencer: runs a program for as long as somebody vouches for it, and never longer (README.md).
 *
 *     fencer --socket PATH [--alias NAME] [--user NAME] [--grace-ms N] -- PROGRAM ARGUMENTS...
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "requests.h"

/* Nobody may vouch for longer than this at once: a mistake in the agent's arithmetic must not last for ever. */
enum { LEASE_MAX_MS = 60000 };
/* This long before the kernel does it, the program is killed here, with a line in the log and this process alive. */
enum { KILL_EARLIER_MS = 100 };
enum { RESTART_MIN_MS = 200, RESTART_MAX_MS = 5000, RAN_WELL_MS = 30000 };

static struct program program;
static int64_t grace_ms = 2000;

static struct {
	pid_t pid; /* 0: no program runs */
	int64_t epoch;
	int64_t given_up_epoch; /* Nobody may vouch for this epoch, or an older one, any more. */
	int64_t deadline_ms;
	int64_t started_ms;
	int64_t restart_at_ms; /* Where it died by itself: when to start it again. */
	int64_t restart_pause_ms;
	int64_t starts;
	int last_status; /* As waitpid gives it. */
	bool asked_to_end;
	bool ends; /* This process is asked to end. */
} state;

static void start(void)
{
	/* The deadline first: there is no moment at which the program runs without one. */
	if (!deadline_set(state.deadline_ms)) _exit(70);
	state.restart_at_ms = 0;
	state.asked_to_end = false;
	state.started_ms = boot_time_ms();
	state.pid = child_start(&program);
	if (state.pid < 0) {
		fprintf(stderr, "cannot fork: %s\n", strerror(errno));
		state.pid = 0;
		state.restart_at_ms = state.started_ms + RESTART_MAX_MS;
		return;
	}
	state.starts++;
	fprintf(stderr, "epoch %" PRId64 ": started pid %d\n", state.epoch, state.pid);
}

static void ask_to_end(const char *why)
{
	if (state.pid == 0 || state.asked_to_end) return;
	fprintf(stderr, "epoch %" PRId64 ": %s: pid %d is asked to end\n", state.epoch, why, state.pid);
	state.asked_to_end = true;
	kill(state.pid, SIGTERM);
}

/* Why somebody may not vouch, or NULL. */
static const char *refusal(const struct request *request, int64_t now_ms)
{
	if (request->epoch <= state.given_up_epoch) return "this epoch was given up";
	if (request->deadline_ms <= now_ms) return "the deadline has passed";
	if (request->deadline_ms > now_ms + LEASE_MAX_MS) return "the deadline is too far ahead";
	if (state.ends) return "the fencer ends";
	if (request->epoch < state.epoch) return "an older epoch than before";
	if (state.pid != 0 && request->epoch != state.epoch) return "the program runs in another epoch";
	if (state.asked_to_end) return "the program is asked to end";
	return NULL;
}

static void extend(const struct request *request)
{
	if (request->epoch != state.epoch) state.deadline_ms = state.restart_at_ms = state.restart_pause_ms = 0;
	state.epoch = request->epoch;
	if (request->deadline_ms > state.deadline_ms) state.deadline_ms = request->deadline_ms;
	if (state.pid == 0) {
		if (state.restart_at_ms == 0) start();
	} else if (!deadline_set(state.deadline_ms)) {
		_exit(70);
	}
}

static void answer(const char *refused, char *text, int size)
{
	const char *name = state.pid == 0 ? "waiting" : state.asked_to_end ? "stopping" : "running";
	int written = snprintf(text, (size_t)size,
												 "{\"version\":1,\"state\":\"%s\",\"epoch\":%" PRId64 ",\"pid\":%d,\"deadlineMs\":%" PRId64
												 ",\"nowMs\":%" PRId64 ",\"starts\":%" PRId64 ",\"lastExit\":{\"code\":%d,\"signal\":%d}",
												 name, state.epoch, state.pid, state.deadline_ms, boot_time_ms(), state.starts,
												 WIFEXITED(state.last_status) ? WEXITSTATUS(state.last_status) : 0,
												 WIFSIGNALED(state.last_status) ? WTERMSIG(state.last_status) : 0);
	snprintf(text + written, (size_t)(size - written), refused == NULL ? "}" : ",\"refused\":\"%s\"}", refused);
}

static void handle(const struct request *request, char *text, int size)
{
	const char *refused = NULL;
	switch (request->kind) {
		case REQUEST_STATUS:
			break;
		case REQUEST_EXTEND:
			refused = refusal(request, boot_time_ms());
			if (refused == NULL) extend(request);
			break;
		case REQUEST_STOP:
			if (request->epoch > state.given_up_epoch) state.given_up_epoch = request->epoch;
			if (request->epoch >= state.epoch) {
				state.restart_at_ms = 0;
				ask_to_end("given up");
			}
			break;
		default:
			refused = "there is no such request";
	}
	answer(refused, text, size);
}

/* A program that died is started again for as long as it is vouched for, after a pause that grows while it keeps dying. */
static void reap(void)
{
	int status;
	if (state.pid == 0 || waitpid(state.pid, &status, WNOHANG) != state.pid) return;
	int64_t now_ms = boot_time_ms();
	fprintf(stderr, "epoch %" PRId64 ": pid %d ended by %s %d\n", state.epoch, state.pid,
					WIFSIGNALED(status) ? "signal" : "exit", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	state.pid = 0;
	state.last_status = status;
	if (!deadline_set(0)) _exit(70);
	bool ran_well = now_ms - state.started_ms > RAN_WELL_MS;
	if (ran_well || state.restart_pause_ms == 0) state.restart_pause_ms = RESTART_MIN_MS;
	else if ((state.restart_pause_ms *= 2) > RESTART_MAX_MS) state.restart_pause_ms = RESTART_MAX_MS;
	if (!state.asked_to_end && !state.ends) state.restart_at_ms = now_ms + state.restart_pause_ms;
	state.asked_to_end = false;
}

/* What is due by the time; returns in how many milliseconds to look again, -1 for when something comes. */
static int on_time(void)
{
	int64_t now_ms = boot_time_ms();
	if (state.pid == 0) {
		if (state.restart_at_ms == 0) return -1;
		if (state.deadline_ms - KILL_EARLIER_MS <= now_ms) {
			state.restart_at_ms = 0;
			return -1;
		}
		if (state.restart_at_ms > now_ms) return (int)(state.restart_at_ms - now_ms);
		start();
		return 0;
	}
	int64_t end_ms = state.deadline_ms - grace_ms, kill_ms = state.deadline_ms - KILL_EARLIER_MS;
	if (now_ms >= kill_ms) {
		fprintf(stderr, "epoch %" PRId64 ": the deadline has come: pid %d is killed\n", state.epoch, state.pid);
		kill(state.pid, SIGKILL);
		return KILL_EARLIER_MS;
	}
	if (now_ms >= end_ms && grace_ms > 0) ask_to_end("nobody vouches for it");
	return (int)((state.asked_to_end || grace_ms == 0 || now_ms >= end_ms ? kill_ms : end_ms) - now_ms);
}

/* So that what is to be killed is killed in time: before what else runs, and without waiting for a disk. */
static void take_precedence(void)
{
	struct sched_param priority = {.sched_priority = 1};
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) != 0)
		fprintf(stderr, "goes on without a real-time priority: %s\n", strerror(errno));
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) fprintf(stderr, "goes on without locked memory: %s\n", strerror(errno));
}

static _Noreturn void serve(int signals)
{
	for (;;) {
		int timeout_ms = on_time();
		if (state.ends && state.pid == 0) exit(0);
		struct pollfd polled[CLIENTS_MAX + 2] = {{.fd = signals, .events = POLLIN}};
		int count = requests_poll(polled + 1);
		if (poll(polled, (nfds_t)count + 1, timeout_ms) <= 0) continue;
		struct signalfd_siginfo info;
		while (read(signals, &info, sizeof(info)) == sizeof(info)) {
			if (info.ssi_signo == SIGCHLD) reap();
			else {
				state.ends = true;
				ask_to_end("the fencer is asked to end");
			}
		}
		requests_serve(polled + 1, count, handle);
	}
}

static const char *parse(int argc, char **argv)
{
	static const struct option options[] = {
			{"socket", required_argument, NULL, 's'}, {"alias", required_argument, NULL, 'a'},
			{"user", required_argument, NULL, 'u'},   {"grace-ms", required_argument, NULL, 'g'},
			{NULL, 0, NULL, 0},
	};
	const char *path = NULL;
	for (int option; (option = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
		if (option == 's') path = optarg;
		else if (option == 'a') program.alias = optarg;
		else if (option == 'u') program.user = optarg;
		else if (option == 'g') grace_ms = strtol(optarg, NULL, 10);
		else return NULL;
	}
	program.argv = argv + optind;
	return optind < argc ? path : NULL;
}

int main(int argc, char **argv)
{
	setvbuf(stderr, NULL, _IOLBF, 0);
	const char *path = parse(argc, argv);
	if (path == NULL) {
		fprintf(stderr, "usage: fencer --socket PATH [--alias NAME] [--user NAME] [--grace-ms N] -- PROGRAM ARGUMENTS...\n");
		return 64;
	}
	sigset_t watched;
	sigemptyset(&watched);
	for (const int *one = (const int[]){SIGCHLD, SIGTERM, SIGINT, 0}; *one != 0; one++) sigaddset(&watched, *one);
	sigprocmask(SIG_BLOCK, &watched, NULL);
	int signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0 || !deadline_open() || !requests_listen(path)) {
		fprintf(stderr, "cannot start: %s: %s\n", path, strerror(errno));
		return 71;
	}
	take_precedence();
	serve(signals);
}
