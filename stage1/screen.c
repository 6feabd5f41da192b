/* screen.c - steps, facts, progress and failures -> the same lines on every console. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/screen.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define COLUMNS      79 /* the 80th makes some terminals wrap */
#define HEAD_COLS    16 /* "[2/6] network   " */
#define STATUS_COLS  13 /* "FAILED123.4 s" */
#define TEXT_COLS    (COLUMNS - HEAD_COLS - STATUS_COLS)
#define BAR_COLS     16
#define REFRESH_MS   250
#define SAID_AGAIN_S 10   /* before a countdown ends */
#define STUCK_MS     2000 /* a console that takes nothing for this long is given up */

/* ---- consoles */

static int open_console(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/%s", name);
	return open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

void screen_reopen(struct screen *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct console *c = &s->consoles[i];

		close(c->fd);
		c->fd = open_console(c->name);
		c->stuck = c->fd < 0;
	}
	s->live = false;
}

static int add_console(struct screen *s, const char *name, bool dumb)
{
	struct console *more, c = { .fd = open_console(name), .dumb = dumb };

	if (c.fd < 0)
		return 0; /* a console that cannot be opened is one that nobody reads */
	c.name = strdup(name);
	more = realloc(s->consoles, (s->count + 1) * sizeof(*more));
	if (more)
		s->consoles = more;
	if (!more || !c.name) {
		free(c.name);
		close(c.fd);
		return -ENOMEM;
	}
	s->consoles[s->count++] = c;
	return 0;
}

int screen_open(struct screen *s, const char *sys)
{
	bool dumb = streq(getenv("TERM"), "dumb");
	char path[128], list[512], *rest = list, *name;
	ssize_t n = -1;
	int fd, err = 0;

	*s = (struct screen){ .left = "" };
	snprintf(path, sizeof(path), "%s/class/tty/console/active", sys);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, list, sizeof(list) - 1);
		close(fd);
	}
	list[n > 0 ? n : 0] = '\0';
	while (!err && (name = strsep(&rest, " \n")))
		if (*name)
			err = add_console(s, name, dumb);
	if (!err && !s->count)
		err = add_console(s, "console", dumb);
	return err;
}

void screen_close(struct screen *s)
{
	for (size_t i = 0; i < s->count; i++) {
		close(s->consoles[i].fd);
		free(s->consoles[i].name);
		free(s->consoles[i].saved);
	}
	free(s->consoles);
	buf_free(&s->line);
	buf_free(&s->prompt);
	buf_free(&s->bottom);
	buf_free(&s->waited);
	*s = (struct screen){ .left = "" };
}

/* A serial line whose other end holds it back must not hold back the boot. */
static void console_write(struct console *c, const char *p, size_t len)
{
	while (len && !c->stuck) {
		ssize_t n = write(c->fd, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			c->stuck = wait_fd(c->fd, POLLOUT, now_ms() + STUCK_MS) != 0;
		} else if (n < 0 && errno != EINTR) {
			c->stuck = true;
		}
	}
}

static void write_line(struct console *c, const char *text)
{
	console_write(c, text, strlen(text));
	console_write(c, "\n", 1);
}

/* Writes one bottom line: TEXT over what stood there; ENDED moves on to the next line. What stands there already is not
 * written again: whoever captures the line gets no more than what changed. */
static void put_line(struct screen *s, const char *text, bool ended)
{
	cleanup_buf struct buf out = { 0 };

	if (!s->live || !streq(buf_cstr(&s->bottom), text))
		buf_printf(&out, "\r%-*s", s->live ? (int)s->bottom.len : 0, text);
	if (ended)
		buf_char(&out, '\n');
	for (size_t i = 0; i < s->count; i++) {
		struct console *c = &s->consoles[i];

		if (!c->dumb)
			console_write(c, buf_cstr(&out), out.len);
		else if (ended)
			write_line(c, text);
	}
	buf_free(&s->bottom);
	if (!ended)
		buf_str(&s->bottom, text);
	s->live = !ended;
}

/* A line that dumb consoles get although the bottom line goes on changing. */
static void tell_dumb(struct screen *s, const char *text)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->consoles[i].dumb)
			write_line(&s->consoles[i], text);
}

/* The bytes of TEXT that fit on a line of WIDTH, cut at a blank where there is one; NEXT: where the rest begins. */
static size_t cut_line(const char *text, size_t width, const char **next)
{
	size_t len = strlen(text), cut = width;

	if (len > width) {
		while (cut && text[cut] != ' ')
			cut--;
		len = cut ? cut : width;
	}
	*next = text + len + (text[len] == ' ');
	return len;
}

/* ---- steps and their lines */

static void put_step_line(struct screen *s, const char *text, const char *status, bool ended)
{
	struct buf out = { 0 };

	buf_printf(&out, "%-*s%-*s%s", HEAD_COLS, s->left, TEXT_COLS, text, status);
	while (out.len && out.data[out.len - 1] == ' ')
		out.data[--out.len] = '\0';
	put_line(s, buf_cstr(&out), ended);
	if (ended)
		s->left = "";
	buf_free(&out);
}

/* Ends the open fact with STATUS. */
static void end_fact(struct screen *s, const char *status)
{
	if (s->line.len || *s->left || *status)
		put_step_line(s, buf_cstr(&s->line), status, true);
	buf_free(&s->line);
	s->line_began_ms = now_ms();
}

void screen_say(struct screen *s, const char *fmt, ...)
{
	cleanup_buf struct buf text = { 0 };
	const char *rest, *next;
	char line[COLUMNS + 1];
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (s->live && (s->line.len || *s->left))
		end_fact(s, "");
	rest = buf_cstr(&text);
	do {
		size_t len = cut_line(rest, COLUMNS, &next);

		snprintf(line, sizeof(line), "%.*s", (int)len, rest);
		put_line(s, line, true);
		rest = next;
	} while (*rest);
}

void screen_step(struct screen *s, unsigned n, unsigned total, const char *name)
{
	snprintf(s->head, sizeof(s->head), "[%u/%u] %s", n, total, name);
	s->left = s->head;
	s->step_began_ms = s->line_began_ms = now_ms();
	s->shown_ms = 0;
	s->transfer_began_ms = 0;
	buf_free(&s->line);
	buf_free(&s->waited);
	put_step_line(s, "", "", false);
}

void screen_note(struct screen *s, const char *text)
{
	if (s->line.len)
		end_fact(s, "");
	/* a long fact goes on below, cut at a blank */
	while (strlen(text) > TEXT_COLS) {
		const char *next;

		buf_add(&s->line, text, cut_line(text, TEXT_COLS, &next));
		end_fact(s, "");
		text = next;
	}
	buf_str(&s->line, text);
	put_step_line(s, text, "", false);
}

/* The same words, whatever the numbers in them. */
static bool same_words(const char *a, const char *b)
{
	static const char digits[] = "0123456789";

	for (;; a++, b++) {
		a += strspn(a, digits);
		b += strspn(b, digits);
		if (*a != *b || !*a)
			return *a == *b;
	}
}

/* Whoever sees finished lines only is told once what is waited for, not every second. */
static void tell_dumb_of_wait(struct screen *s, const char *why, const char *text)
{
	cleanup_buf struct buf line = { 0 };

	if (same_words(buf_cstr(&s->waited), why))
		return;
	buf_free(&s->waited);
	buf_str(&s->waited, why);
	buf_printf(&line, "%-*s%s", HEAD_COLS, s->left, text);
	tell_dumb(s, buf_cstr(&line));
}

void screen_waiting(struct screen *s, const char *why, int64_t deadline)
{
	cleanup_buf struct buf text = { 0 };
	char most[32] = "";
	int room;

	if (s->line.len)
		end_fact(s, "");
	if (deadline)
		snprintf(most, sizeof(most), " (at most %d s)", (ms_left(deadline) + 999) / 1000);
	if (strlen(why) <= COLUMNS - HEAD_COLS && strlen(why) + strlen(most) > COLUMNS - HEAD_COLS)
		most[0] = '\0';                         /* the reason before its time */
	room = COLUMNS - HEAD_COLS - (int)strlen(most); /* one line that changes in place must be one line */
	if ((int)strlen(why) <= room)
		buf_printf(&text, "%s%s", why, most);
	else
		buf_printf(&text, "%.*s...%s", room - 3, why, most);
	tell_dumb_of_wait(s, why, buf_cstr(&text));
	put_step_line(s, buf_cstr(&text), "", false);
}

void screen_step_done(struct screen *s, bool ok)
{
	int64_t ms = now_ms() - s->step_began_ms;
	const char *word = ok ? "  ok" : "FAILED";
	char status[32];

	if (ms < 1000000)
		snprintf(status, sizeof(status), "%-6s%3lld.%lld s", word, (long long)(ms / 1000),
			 (long long)(ms % 1000 / 100));
	else
		snprintf(status, sizeof(status), "%-6s%5lld s", word, (long long)(ms / 1000));
	end_fact(s, status);
}

/* ---- progress */

/* BYTES as a number in the unit that TOTAL is shown in, so that "243/300 MB" reads well. */
static void format_part(struct buf *out, int64_t bytes, int64_t total)
{
	int64_t unit = total >= 10 * 1000000000LL ? 1000000000 : total >= 1000000 ? 1000000 : total >= 1000 ? 1000 : 1;

	if (total >= 1000000000LL && unit == 1000000)
		buf_printf(out, "%lld.%lld/", (long long)(bytes / 1000000000),
			   (long long)(bytes % 1000000000 / 100000000));
	else
		buf_printf(out, "%lld/", (long long)(bytes / unit));
}

void screen_format_bytes(struct buf *out, int64_t bytes)
{
	if (bytes >= 10 * 1000000000LL)
		buf_printf(out, "%lld GB", (long long)(bytes / 1000000000));
	else if (bytes >= 1000000000LL)
		buf_printf(out, "%lld.%lld GB", (long long)(bytes / 1000000000),
			   (long long)(bytes % 1000000000 / 100000000));
	else if (bytes >= 1000000)
		buf_printf(out, "%lld MB", (long long)(bytes / 1000000));
	else if (bytes >= 1000)
		buf_printf(out, "%lld KB", (long long)(bytes / 1000));
	else
		buf_printf(out, "%lld bytes", (long long)bytes);
}

void screen_format_progress(struct buf *out, int64_t done, int64_t total, int64_t elapsed_ms)
{
	int64_t per_s = elapsed_ms > 0 ? done / elapsed_ms * 1000 + done % elapsed_ms * 1000 / elapsed_ms : 0;

	if (total > 0) {
		int64_t percent = done >= total ? 100 : (int64_t)((double)done * 100 / (double)total);
		int marks = (int)(percent * BAR_COLS / 100);

		for (int i = 0; i < BAR_COLS; i++)
			buf_char(out, i < marks ? '#' : '.');
		buf_printf(out, " %3lld %%  ", (long long)percent);
		format_part(out, done, total);
		screen_format_bytes(out, total);
	} else {
		screen_format_bytes(out, done);
	}
	if (elapsed_ms < 500)
		return; /* too early for a rate that means something */
	buf_str(out, "  ");
	screen_format_bytes(out, per_s);
	buf_str(out, "/s");
	if (total > 0 && per_s > 0 && done <= total) {
		int64_t left = (total - done) / per_s;

		if (left < 100 * 60)
			buf_printf(out, "  %lld:%02lld left", (long long)(left / 60), (long long)(left % 60));
		else
			buf_printf(out, "  %lld h left", (long long)(left / 3600));
	}
}

void screen_progress(struct screen *s, int64_t done, int64_t total)
{
	int64_t now = now_ms();
	cleanup_buf struct buf text = { 0 };

	if (!s->transfer_began_ms)
		s->transfer_began_ms = now;
	if (now - s->shown_ms < REFRESH_MS && !(total > 0 && done >= total))
		return;
	s->shown_ms = now;
	if (s->line.len)
		end_fact(s, "");
	screen_format_progress(&text, done, total, now - s->transfer_began_ms);
	put_step_line(s, buf_cstr(&text), "", false);
}

/* ---- failures */

/* TEXT at COLUMN behind FIRST, wrapped at blanks, each of its own lines on a new one. */
static void say_wrapped(struct screen *s, const char *first, int column, const char *text)
{
	const char *left = first;

	while (*text) {
		char line[COLUMNS + 1];
		size_t n = strcspn(text, "\n"), len;
		const char *next;

		snprintf(line, sizeof(line), "%.*s", (int)MIN(n, sizeof(line) - 1), text);
		len = cut_line(line, (size_t)(COLUMNS - column), &next);
		screen_say(s, "%-*s%.*s", column, left, (int)len, line);
		left = "";
		text += next - line;
		text += *text == '\n';
	}
}

void screen_failure(struct screen *s, const struct failure *f, const char *advice)
{
	cleanup_buf struct buf cause = { 0 }, words = { 0 };

	buf_printf(&cause, "%s: %s", fail_title(f->id), f->detail);
	say_wrapped(s, fail_code(f->id), 12, buf_cstr(&cause));
	if (!*advice)
		return;
	buf_printf(&words, "Try: %s", advice);
	say_wrapped(s, "", 12, buf_cstr(&words));
}

/* ---- a person types */

void screen_prompt(struct screen *s, const char *text)
{
	size_t len = strlen(text), shown = s->prompt.len;
	bool goes_on = shown && len >= shown && len <= COLUMNS && starts_with(text, buf_cstr(&s->prompt));

	buf_free(&s->prompt);
	buf_str(&s->prompt, text);
	text = len > COLUMNS ? text + len - COLUMNS : text;
	if (!goes_on)
		put_line(s, text, false);
	for (size_t i = 0; i < s->count; i++) { /* the cursor stands behind what is typed */
		struct console *c = &s->consoles[i];

		if (!goes_on)
			console_write(c, "\r", 1);
		console_write(c, goes_on ? text + shown : text, strlen(goes_on ? text + shown : text));
	}
}

void screen_prompt_done(struct screen *s)
{
	for (size_t i = 0; i < s->count; i++)
		console_write(&s->consoles[i], "\n", 1);
	buf_free(&s->prompt);
	s->live = false;
}

/* ---- countdown */

void screen_keys(struct screen *s, bool one_by_one)
{
	for (size_t i = 0; i < s->count; i++) {
		struct console *c = &s->consoles[i];
		struct termios t;

		if (!one_by_one && c->saved) {
			tcsetattr(c->fd, TCSANOW, c->saved);
			free(c->saved);
			c->saved = NULL;
		} else if (one_by_one && !c->saved && tcgetattr(c->fd, &t) == 0) {
			c->saved = malloc(sizeof(*c->saved));
			if (!c->saved)
				continue;
			*c->saved = t;
			t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
			t.c_cc[VMIN] = 1;
			t.c_cc[VTIME] = 0;
			tcsetattr(c->fd, TCSAFLUSH, &t); /* what was typed before was not meant for us */
		}
	}
}

/* The console with a key within the time to DEADLINE, or -1. */
static int wait_key(struct screen *s, struct pollfd *fds, int64_t deadline)
{
	char key;

	for (size_t i = 0; i < s->count; i++)
		fds[i] = (struct pollfd){ .fd = s->consoles[i].fd, .events = POLLIN };
	if (poll(fds, s->count, ms_left(deadline)) <= 0)
		return -1;
	for (size_t i = 0; i < s->count; i++)
		if ((fds[i].revents & POLLIN) && read(fds[i].fd, &key, 1) == 1)
			return (int)i;
	/* a console that is gone says so at once and for ever: do not spin on it */
	poll(NULL, 0, ms_left(deadline));
	return -1;
}

int screen_countdown(struct screen *s, const char *what, unsigned seconds)
{
	int64_t end = now_ms() + (int64_t)seconds * 1000;
	struct pollfd *fds = calloc(s->count + 1, sizeof(*fds));
	int key = -1;

	screen_keys(s, true);
	while (fds && key < 0 && now_ms() < end) {
		unsigned left = (unsigned)(ms_left(end) + 999) / 1000;
		char text[100]; /* its number changes in place; dumb consoles get two lines */

		snprintf(text, sizeof(text), "%s in %u s; any key for a shell.", what, left);
		if (left == seconds || left == SAID_AGAIN_S)
			tell_dumb(s, text);
		put_line(s, text, false);
		key = wait_key(s, fds, MIN(end, now_ms() + 1000));
	}
	screen_keys(s, false);
	put_line(s, key < 0 ? what : "A key was pressed.", true);
	free(fds);
	return key;
}
