/* ask.c - a question -> a person's answer, typed on whichever console there is somebody. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/ask.h"

#include "base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define ESCAPE_MS 100 /* an arrow key's bytes come together; a lone Escape has nothing behind it */

enum { KEY_CTRL_U = 0x15, KEY_ESCAPE = 0x1b, KEY_BACKSPACE = 0x08, KEY_DELETE = 0x7f };

bool ask_line_key(struct ask_line *l, char key)
{
	if (l->sequence) {
		l->sequence = !(key >= '@' && key <= '~'); /* ECMA-48, section 5.4: the final byte */
		return false;
	}
	if (l->escape) {
		l->escape = false;
		l->sequence = key == '[' || key == 'O';
		return false;
	}
	switch (key) {
	case '\r':
	case '\n':
		return true;
	case KEY_ESCAPE:
		l->escape = true;
		return false;
	case KEY_BACKSPACE:
	case KEY_DELETE:
		if (l->text.len)
			l->text.data[--l->text.len] = '\0';
		return false;
	case KEY_CTRL_U:
		buf_free(&l->text);
		return false;
	default:
		if ((unsigned char)key >= ' ' && l->text.len < 1024)
			buf_char(&l->text, key);
		return false;
	}
}

/* The next byte from any console. 0, -ETIMEDOUT or -EIO when no console is left. */
static int read_key(struct screen *s, char *key, int64_t deadline)
{
	struct pollfd *fds = calloc(s->count + 1, sizeof(*fds));
	int err = fds ? -ETIMEDOUT : -ENOMEM;

	while (fds && err == -ETIMEDOUT && now_ms() < deadline) {
		for (size_t i = 0; i < s->count; i++)
			fds[i] = (struct pollfd){ .fd = fds[i].revents & POLLHUP ? -1 : s->consoles[i].fd,
						  .events = POLLIN,
						  .revents = fds[i].revents };
		if (poll(fds, s->count, ms_left(deadline)) <= 0)
			continue;
		for (size_t i = 0; i < s->count && err; i++)
			if ((fds[i].revents & POLLIN) && read(fds[i].fd, key, 1) == 1)
				err = 0;
	}
	free(fds);
	return err;
}

/* Reads a line, shown behind PROMPT on the bottom line. 0, ASK_BACK or -errno. */
static int read_line(const struct asked *a, const char *prompt, bool secret, char **answer)
{
	struct screen *s = a->screen;
	struct ask_line line = { 0 };
	bool ended = false;
	int err = 0;

	while (!ended && !err) {
		cleanup_buf struct buf shown = { 0 };
		char key;

		buf_str(&shown, prompt);
		for (size_t i = 0; i < line.text.len; i++)
			buf_char(&shown, secret ? '*' : line.text.data[i]);
		screen_prompt(s, buf_cstr(&shown));
		err = read_key(s, &key, now_ms() + (line.escape ? ESCAPE_MS : a->idle_ms));
		if (err == -ETIMEDOUT && line.escape)
			err = ASK_BACK;
		else if (!err)
			ended = ask_line_key(&line, key);
	}
	screen_prompt_done(s);
	if (!err && streq(buf_cstr(&line.text), "<"))
		err = ASK_BACK;
	*answer = err ? NULL : buf_take(&line.text);
	buf_free(&line.text);
	return err ? err : *answer ? 0 : -ENOMEM;
}

int ask_choice(const struct asked *a, const char *question, const struct choices *c, size_t default_item,
	       size_t *chosen)
{
	char prompt[32];

	screen_say(a->screen, "%s", "");
	screen_say(a->screen, "%s", question);
	for (size_t i = 0; i < c->count; i++)
		screen_say(a->screen, " [%zu] %s", i + 1, c->item[i].text);
	screen_say(a->screen, " [0] Back");
	snprintf(prompt, sizeof(prompt), "? [%zu] ", default_item + 1);
	for (;;) {
		cleanup_free char *answer = NULL;
		int64_t n = (int64_t)default_item + 1;
		int err = read_line(a, prompt, false, &answer);

		if (err)
			return err;
		if (*answer && parse_number(answer, 0, (int64_t)c->count, &n)) {
			screen_say(a->screen, "A number from 0 to %zu is expected.", c->count);
			continue;
		}
		if (n == 0)
			return ASK_BACK;
		*chosen = (size_t)n - 1;
		return 0;
	}
}

int ask_text(const struct asked *a, const char *question, const char *default_value, bool secret, char **answer)
{
	cleanup_free char *prompt = NULL;
	int err;

	if (default_value && *default_value)
		prompt = str_printf("%s [%s]: ", question, secret ? "as before" : default_value);
	else
		prompt = str_printf("%s: ", question);
	if (!prompt)
		return -ENOMEM;
	err = read_line(a, prompt, secret, answer);
	if (err)
		return err;
	if (streq(*answer, "-") || (!**answer && default_value)) {
		char *value = strdup(**answer ? "" : default_value);

		free(*answer);
		*answer = value;
	}
	return *answer ? 0 : -ENOMEM;
}
