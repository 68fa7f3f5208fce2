#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since boot, suspended time included (CLOCK_BOOTTIME). */
int64_t boot_time_ms(void);

/*
 * The deadline that needs no running process: a timer of the kernel on CLOCK_BOOTTIME that sends SIGKILL to this one,
 * stopped or not. It cannot be caught, and it is judged before any process of a machine that was suspended runs again.
 */
bool deadline_open(void);

/* Kills this process at `at_ms` of boot_time_ms(), at once if that has passed; 0 takes the deadline away. */
bool deadline_set(int64_t at_ms);
