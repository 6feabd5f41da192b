/* random.c - the kernel's random source -> numbers nobody else guesses; works before the kernel's pool is full. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/random.h"

#include <time.h>

#include "base/compat.h"

/* include/uapi/linux/random.h; the second, since Linux 5.6, gives what urandom gives and never blocks */
#define NONBLOCK 0x1
#define INSECURE 0x4

uint32_t random_u32(void)
{
	static uint32_t mixed;
	struct timespec ts;
	uint32_t value;

	if (getrandom(&value, sizeof(value), INSECURE) == sizeof(value) ||
	    getrandom(&value, sizeof(value), NONBLOCK) == sizeof(value))
		return value;
	/* An older kernel whose pool is still empty: nodes that boot together must differ all the same. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	mixed = (mixed ^ (uint32_t)ts.tv_nsec ^ (uint32_t)getpid()) * 2654435761u + (uint32_t)ts.tv_sec;
	return mixed ^ mixed >> 15;
}

uint32_t random_below(uint32_t limit)
{
	return limit > 1 ? (uint32_t)((uint64_t)random_u32() * limit >> 32) : 0;
}
