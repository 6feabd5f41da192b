/* signals.h - a signal and its handler -> caught, unless it was ignored when the program was started. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_SIGNALS_H
#define SERVER_SIGNALS_H

#include <signal.h>

/* nohup(1) and a shell's background jobs have signals ignored on purpose: that stays so. */
static inline void catch_signal(int number, void (*handler)(int))
{
	if (signal(number, handler) == SIG_IGN)
		signal(number, SIG_IGN);
}

#endif
