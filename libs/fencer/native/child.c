#include "child.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static _Noreturn void refuse(const char *what)
{
	fprintf(stderr, "cannot start the program: %s: %s\n", what, strerror(errno));
	_exit(126);
}

static void become(const char *name)
{
	errno = ENOENT;
	const struct passwd *user = getpwnam(name);
	if (user == NULL) refuse(name);
	if (initgroups(name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) refuse(name);
}

static _Noreturn void run(const struct program *program, pid_t parent)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	setpriority(PRIO_PROCESS, 0, 0);
	unsetenv("NOTIFY_SOCKET");
	/* slurmctld serves only where the host name is the one in its configuration, which is the same on every machine. */
	if (program->alias != NULL &&
			(unshare(CLONE_NEWUTS) != 0 || sethostname(program->alias, strlen(program->alias)) != 0))
		refuse("another host name");
	if (program->user != NULL) become(program->user);
	/* After the change of user, which clears it; it stays over exec. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) refuse("prctl");
	/* The parent may have died before the line above. */
	if (getppid() != parent) _exit(125);
	execv(program->argv[0], program->argv);
	refuse(program->argv[0]);
}

pid_t child_start(const struct program *program)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0) run(program, parent);
	return pid;
}
