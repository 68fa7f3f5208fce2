#include "clock.h"

#include <signal.h>
#include <time.h>

static timer_t timer;

int64_t boot_time_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool deadline_open(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
	return timer_create(CLOCK_BOOTTIME, &event, &timer) == 0;
}

bool deadline_set(int64_t at_ms)
{
	struct itimerspec when = {
			.it_value = {.tv_sec = at_ms / 1000, .tv_nsec = (at_ms % 1000) * 1000000},
	};
	return timer_settime(timer, TIMER_ABSTIME, &when, NULL) == 0;
}
