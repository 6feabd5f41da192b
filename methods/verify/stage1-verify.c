/* stage1-verify.c - a manifest, its signatures and the keys of a node -> a verdict in one line; run by
 * methods/verify/verify.c. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "base/help.h"
#include "base/rights.h"
#include "methods/verify/verdict.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compat.h"

/* The descriptors it is started with. */
enum { MANIFEST = 3, SIGNATURES = 4, REPORT = 5 };

static void report(const struct failure *f, const struct manifest *m)
{
	cleanup_buf struct buf line = { 0 };

	if (f->id) {
		buf_printf(&line, "%d %d %s", (int)f->id, f->err, f->detail);
	} else {
		buf_printf(&line, "0 %lld ", (long long)m->size);
		for (int i = 0; i < 32; i++)
			buf_printf(&line, "%02x", m->sha256[i]);
	}
	if (write(REPORT, buf_cstr(&line), line.len) < 0)
		_exit(1);
}

/* ---- before the first byte from outside */

/* The keys of the file PATH ("-" or none: those of the line), and what the line WISH adds. */
static int read_keys(struct keyring *k, const char *path, const char *wish, bool *built_in, struct failure *f)
{
	cleanup_buf struct buf text = { 0 }, why = { 0 };
	int err = file_read(path, &text);

	*built_in = !err;
	if (!err)
		err = keyring_parse(k, buf_cstr(&text), text.len, &why);
	else if (err == -ENOENT)
		err = 0;
	else
		buf_str(&why, err_text(err));
	if (err)
		return fail(f, FAIL_SIG_KEY, err, "%s: %s", path, buf_cstr(&why));
	if (keyring_add_line(k, wish, *built_in, &why))
		return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL, "verify: %s", buf_cstr(&why));
	return 0;
}

/* All that is left to do is read what is open, and think. */
static const int calls[] = { RIGHTS_BASIC };

/* ---- from outside */

/* All of FD, of which MANIFEST_MAX bytes are enough. */
static int read_text(int fd, struct buf *out)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(out, 4096))
			return -ENOMEM;
		n = pread(fd, out->data + out->len, 4096, (off_t)out->len);
		if (n <= 0 || out->len > MANIFEST_MAX)
			return n < 0 ? -errno : n ? -EFBIG : 0;
		out->len += (size_t)n;
	}
}

static int judge(struct verdict_case *c, struct manifest *m, struct failure *f)
{
	cleanup_buf struct buf manifest = { 0 }, signatures = { 0 };
	int err = read_text(MANIFEST, &manifest);

	if (!err)
		err = read_text(SIGNATURES, &signatures);
	if (err)
		return fail(f, FAIL_SIG_MANIFEST, err, "reading the manifest of %s: %s", c->name, err_text(err));
	c->manifest = manifest.data;
	c->manifest_len = manifest.len;
	c->signatures = signatures.data;
	c->signatures_len = signatures.len;
	return verdict_of(c, m, f);
}

/* stage1-verify KEYS-FILE|- VERIFY NAME APPEND */
int main(int argc, char **argv)
{
	static const char usage[] = "stage1-verify is run by stage1 and stage1-fetch\n";
	struct failure f = { 0 };
	struct keyring keys = { 0 };
	struct manifest m = { 0 };
	struct verdict_case c = { .keys = &keys };
	cleanup_free char *line = NULL;
	bool built_in = false;

	if (help_given(argc, argv, "stage1-verify", usage))
		return 0;
	if (argc != 5 || fcntl(REPORT, F_GETFD) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	c.name = argv[3];
	c.append = argv[4];
	if (!read_keys(&keys, argv[1], argv[2], &built_in, &f)) {
		/* who gave the keys on the command line gave its other words, too */
		line = built_in ? file_text("/proc/cmdline") : NULL;
		c.command_line = built_in ? line ? line : "(unreadable)" : NULL;
		if (!rights_drop(calls, ARRAY_SIZE(calls)))
			(void)!fail(&f, FAIL_SYS_INTERNAL, -EPERM, "stage1-verify cannot give up its rights");
		else
			(void)!judge(&c, &m, &f);
	}
	report(&f, &m);
	return f.id ? 1 : 0;
}
