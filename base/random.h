/* random.h - the kernel's random source -> numbers nobody else guesses: identifiers, ports, jitter; never keys. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/base.h"

/* 32 random bits. Never blocks, not even in the first second of a boot: good for identifiers that a stranger must not
 * guess, not for keys. */
uint32_t random_u32(void);

/* A number from 0 to LIMIT - 1; 0 when LIMIT is 0 or 1. */
uint32_t random_below(uint32_t limit);

#endif
