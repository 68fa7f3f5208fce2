#pragma once
#include <sys/types.h>

struct program {
	/* Host name that the program sees, or NULL for this machine's own. */
	const char *alias;
	/* Who it runs as, or NULL for who we are. */
	const char *user;
	/* Its path and arguments, ended by NULL. */
	char *const *argv;
};

/* Starts the program so that the kernel kills it when this process ends, however it ends. Returns its pid, or -1. */
pid_t child_start(const struct program *program);
