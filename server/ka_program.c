/* ka_program.c - what the two ka programs share: lines on stderr, numbers of options, signals as events. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/ka_program.h"

#include "base/buf.h"
#include "base/version.h"
#include "server/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int signal_pipe[2] = { -1, -1 };
static bool status_shown;

static void on_signal(int number)
{
	char byte = (char)number;
	int saved = errno;

	if (write(signal_pipe[1], &byte, 1) < 0) {
		/* the pipe is full: the loop will see it anyway */
	}
	errno = saved;
}

static void ready(struct loop_fd *w, uint32_t events)
{
	struct ka_signals *s = container_of(w, struct ka_signals, w);
	char bytes[16];

	(void)events;
	if (read(w->fd, bytes, sizeof(bytes)) > 0)
		s->ended(s);
}

int ka_signals_open(struct ka_signals *s, struct loop *l, void (*ended)(struct ka_signals *s))
{
	if (pipe(signal_pipe) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		fcntl(signal_pipe[i], F_SETFD, FD_CLOEXEC);
		fcntl(signal_pipe[i], F_SETFL, O_NONBLOCK);
	}
	*s = (struct ka_signals){ .w = { .fd = signal_pipe[0], .ready = ready }, .ended = ended };
	signal(SIGPIPE, SIG_IGN);
	catch_signal(SIGINT, on_signal);
	catch_signal(SIGTERM, on_signal);
	catch_signal(SIGHUP, on_signal);
	return loop_add(l, &s->w, EPOLLIN);
}

void ka_print_line(const char *text)
{
	fprintf(stderr, "%s%s\n", status_shown ? "\n" : "", text);
	status_shown = false;
	fflush(stderr);
}

void ka_print_failure(const char *program, const struct failure *f, int err)
{
	char text[sizeof(f->detail) + 160];

	if (f->id)
		snprintf(text, sizeof(text), "%s: %s %s: %s", program, fail_code(f->id), fail_title(f->id), f->detail);
	else
		snprintf(text, sizeof(text), "%s: %s", program, err_text(err));
	ka_print_line(text);
}

void ka_print_status(const char *text)
{
	fprintf(stderr, "\r%s", text);
	status_shown = true;
	fflush(stderr);
}

void ka_print_start(int argc, char **argv)
{
	cleanup_buf struct buf line = { 0 };

	buf_str(&line, "ARGS=+");
	for (int i = 0; i < argc; i++)
		buf_printf(&line, "%s+", argv[i]);
	ka_print_line("Compiled : stage1 " STAGE1_VERSION);
	ka_print_line(buf_cstr(&line));
}

int64_t ka_option_number(const char *program, char option, const char *text, int64_t min, int64_t max)
{
	int64_t number;

	if (parse_number(text, min, max, &number) == 0)
		return number;
	fprintf(stderr, "%s: -%c %s: a number from %lld to %lld is wanted\n", program, option, text, (long long)min,
		(long long)max);
	exit(1);
}
