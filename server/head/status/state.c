/* state.c - the model <-> its file in the state folder; the lock, the token; what the chain's server says there. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/state.h"

#include "base/buf.h"
#include "base/file.h"
#include "server/head/status/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHAIN_OLD_MS 60000

static char *path_in(const char *dir, const char *name)
{
	return str_printf("%s/%s", dir, name);
}

int state_lock(const char *dir, int *fd)
{
	cleanup_free char *path = path_in(dir, "status.lock");
	int err;

	if (!path)
		return -ENOMEM;
	if (mkdir(dir, 0755) && errno != EEXIST)
		return -errno;
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (*fd < 0)
		return -errno;
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	err = -errno;
	close(*fd);
	*fd = -1;
	return err;
}

static int make_token(const char *path, char *token, size_t size)
{
	uint8_t bytes[24];
	cleanup_close int fd = -1;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -errno;
	for (size_t i = 0; i < sizeof(bytes) && 2 * i + 2 < size; i++)
		snprintf(token + 2 * i, 3, "%02x", bytes[i]);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	return dprintf(fd, "%s\n", token) > 0 ? 0 : -EIO;
}

int state_token(const char *dir, char *token, size_t size)
{
	cleanup_free char *path = path_in(dir, "token");
	cleanup_buf struct buf text = { 0 };
	int err;

	if (!path)
		return -ENOMEM;
	err = file_read(path, &text);
	if (err == -ENOENT)
		return make_token(path, token, size);
	if (err)
		return err;
	return str_copy(token, size, strtok(text.data ? text.data : (char[]){ "" }, " \n") ? text.data : "");
}

/* TEXT -> the file PATH, by way of PATH.new: a reader finds the old one or the new one. */
static int write_whole(const char *path, const struct buf *text)
{
	cleanup_free char *anew = str_printf("%s.new", path);
	cleanup_close int fd = anew ? open(anew, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
	size_t done = 0;

	if (fd < 0)
		return anew ? -errno : -ENOMEM;
	while (done < text->len) {
		ssize_t n = write(fd, text->data + done, text->len - done);

		if (n <= 0) {
			int err = n < 0 ? -errno : -ENOSPC;

			unlink(anew);
			return err;
		}
		done += (size_t)n;
	}
	return rename(anew, path) ? -errno : 0;
}

int state_save(const char *dir, const struct model *m, int64_t now)
{
	cleanup_free char *path = path_in(dir, STATE_FILE);
	cleanup_buf struct buf text = { 0 };
	int err = path ? json_save(&text, m, now) : -ENOMEM;

	return err ? err : write_whole(path, &text);
}

int state_load_when(const char *dir, struct model *m, int64_t *saved)
{
	cleanup_free char *path = path_in(dir, STATE_FILE);
	cleanup_buf struct buf text = { 0 };
	int err = path ? file_read(path, &text) : -ENOMEM;

	*saved = 0;
	if (err)
		return err == -ENOENT ? 0 : err;
	return json_load(m, buf_cstr(&text), text.len, saved);
}

int state_load(const char *dir, struct model *m)
{
	int64_t ignored;

	return state_load_when(dir, m, &ignored);
}

/* ---- the chain */

/* A word of a line as a string in OUT; false where there is none, or one that does not fit. */
static bool take_word(struct span *line, char *out, size_t size)
{
	struct span word = span_cut(line, ' ');

	return word.len && word.len < size && text_clean(out, size, word) == word.len;
}

static void take_line(struct model *m, struct span line, int64_t now)
{
	char address[48], parent[48], state[16];
	int64_t bytes, size, rate;

	if (span_skip(&line, "node ") && take_word(&line, address, sizeof(address)) &&
	    take_word(&line, parent, sizeof(parent)) && take_word(&line, state, sizeof(state)) &&
	    !span_number(span_cut(&line, ' '), &bytes) && !span_number(span_cut(&line, ' '), &size) &&
	    !span_number(span_cut(&line, ' '), &rate))
		model_chain(m, address, parent, state, bytes, size, rate, now);
}

void chain_take(struct model *m, const char *text, size_t len, int64_t now)
{
	struct span rest = { text, len };

	model_chain_begin(m);
	while (rest.len)
		take_line(m, span_cut(&rest, '\n'), now);
}

void chain_read(struct chain_file *f, const char *dir, struct model *m, int64_t now)
{
	cleanup_free char *path = path_in(dir, CHAIN_FILE);
	cleanup_buf struct buf text = { 0 };
	int64_t changed = 0;
	struct stat s;

	if (path && stat(path, &s) == 0) {
		changed = (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec;
		changed = now - changed / 1000000 > CHAIN_OLD_MS ? 0 : changed;
	}
	if (changed == f->changed)
		return;
	f->changed = changed;
	if (changed && file_read(path, &text) == 0)
		chain_take(m, buf_cstr(&text), text.len, now);
	else
		model_chain_begin(m);
}
