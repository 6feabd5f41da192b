/* verify.c - the method that will bring an image -> first its manifest, judged by a process of its own. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/verify/verify.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "image/image.h"
#include "image/sha256.h"
#include "methods/retrieve/url.h"
#include "trust/manifest.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define PROGRAM  "stage1-verify"
#define JUDGE_MS 20000 /* hundreds of signatures, on a slow machine */

/* memory_reserve() of this leaves room for a manifest and no more */
#define ROOM (16 * MIB + MANIFEST_MAX)

bool verify_wanted(const struct options *o, const char *keys)
{
	return o->value[KEY_VERIFY] || (keys && access(keys, F_OK) == 0);
}

int verify_refuse(struct failure *f, const char *what, const char *why)
{
	return fail(f, FAIL_SIG_PLACE, -EOPNOTSUPP, "%s: %s", what, why);
}

/* ---- the two files */

/* NAME with SUFFIX behind its last word, which a query may follow. To be freed. */
static char *beside(const struct method *m, const char *name, const char *suffix)
{
	size_t end = url_query(m->name, name);

	return str_printf("%.*s%s%s", (int)end, name, suffix, name + end);
}

/* The image's own name, without folders and query. To be freed. */
static char *own_name(const struct method *m, const char *name)
{
	size_t end = url_query(m->name, name), begin = end;

	while (begin && name[begin - 1] != '/')
		begin--;
	return strndup(name + begin, end - begin);
}

/* What a missing or endless file means here. */
static int explain(struct failure *f, const char *what)
{
	char detail[sizeof(f->detail)];

	(void)str_copy(detail, sizeof(detail), f->detail);
	if (f->id == FAIL_SRV_NOT_FOUND || f->id == FAIL_MED_NO_IMAGE)
		return fail(f, FAIL_SIG_MISSING, -ENOENT, "%s", detail);
	if (f->id == FAIL_MEM_TOO_LITTLE)
		return fail(f, FAIL_SIG_MANIFEST, -EFBIG, "%s is longer than %d bytes", what, MANIFEST_MAX);
	return f->err;
}

/* Brings what is called WHAT into STORE. */
static int fetch_small(const struct method *m, const struct fetch *like, const char *what, struct store *store)
{
	struct options options = *like->options;
	struct fetch f = *like;
	int err = store_open_memory(store, NULL, like->fail);

	if (err)
		return err;
	options.value[KEY_IMAGE] = what;
	options.value[KEY_SHA256] = NULL;
	f.options = &options;
	f.found = NULL;
	f.in_place = false;
	f.raw = true;
	f.origin = (struct origin){ 0 };
	f.sink = image_sink(store, true, ROOM, NULL);
	if (!f.sink)
		return fail(like->fail, FAIL_MEM_WORK, -ENOMEM, "no memory to fetch %s", what);
	err = m->fetch(&f);
	f.sink->free(f.sink);
	origin_free(&f.origin);
	return err ? explain(like->fail, what) : 0;
}

/* ---- the judge */

/* Reads what PROGRAM says, to its end or until it is full. 0 or -errno. */
static int read_report(int fd, char *line, size_t size)
{
	int64_t deadline = now_ms() + JUDGE_MS;
	size_t len = 0;
	ssize_t n;

	do {
		int err = wait_fd(fd, POLLIN, deadline);

		if (err)
			return err;
		n = read(fd, line + len, size - 1 - len);
		len += (size_t)MAX(n, 0);
	} while ((n > 0 || (n < 0 && errno == EINTR)) && len < size - 1);
	line[len] = '\0';
	return len ? 0 : -EPIPE;
}

/* "0 SIZE SHA256", or the number of a failure, its -errno and its words. */
static int read_verdict(const char *line, struct verified *v, struct failure *f)
{
	char *rest;
	uint8_t sum[SHA256_SIZE];
	long id = strtol(line, &rest, 10), number = strtol(rest, &rest, 10);

	rest += *rest == ' ';
	if (id > 0 && id < FAIL_COUNT && number < 0)
		return fail(f, (enum fail_id)id, (int)number, "%s", rest);
	v->size = number;
	if (id || number < 0 || str_copy(v->sha256, sizeof(v->sha256), rest) || sha256_parse(sum, v->sha256))
		return fail(f, FAIL_SYS_PROGRAM, -EPROTO, PROGRAM " says what makes no sense");
	return 0;
}

static int judge(const char *const argv[], const struct store *manifest, const struct store *signatures,
		 struct verified *v, struct failure *f)
{
	char line[sizeof(f->detail) + 64];
	int report[2], err;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) < 0)
		return fail(f, FAIL_SYS_INTERNAL, -errno, "a pipe: %s", err_text(errno));
	pid = process_start(PROGRAM, argv, (const int[]){ manifest->fd, signatures->fd, report[1] }, 3);
	base_close_fd(&report[1]);
	err = pid < 0 ? pid : read_report(report[0], line, sizeof(line));
	base_close_fd(&report[0]);
	if (pid > 0)
		(void)!process_stop(pid);
	if (err)
		return fail(f, FAIL_SYS_PROGRAM, err, PROGRAM " cannot be run: %s", err_text(err));
	return read_verdict(line, v, f);
}

/* A kernel is told words, an initrd and an image are not. */
static const char *words_for(const struct options *o)
{
	return streq(o->value[KEY_IMAGE], o->value[KEY_KERNEL]) && o->value[KEY_APPEND] ? o->value[KEY_APPEND] : "";
}

int verify_manifest(const struct method *m, const struct fetch *f, const char *keys, struct verified *v)
{
	const char *asked = method_file(f->options), *wish = f->options->value[KEY_VERIFY];
	cleanup_free char *manifest_name = beside(m, asked, MANIFEST_SUFFIX), *name = own_name(m, asked);
	cleanup_free char *signature_name = beside(m, asked, SIGNATURE_SUFFIX);
	const char *argv[] = { PROGRAM, keys ? keys : "-", wish ? wish : "", name, words_for(f->options), NULL };
	struct store manifest = { .fd = -1 }, signatures = { .fd = -1 };
	int err;

	if (!manifest_name || !signature_name || !name)
		return fail(f->fail, FAIL_MEM_WORK, -ENOMEM, "no memory for the names of manifests");
	if (m->alone)
		return verify_refuse(f->fail, m->name, "this method brings no manifest along");
	err = fetch_small(m, f, manifest_name, &manifest);
	if (!err)
		err = fetch_small(m, f, signature_name, &signatures);
	if (!err)
		err = judge(argv, &manifest, &signatures, v, f->fail);
	if (!err)
		watch_note(f->watch, "%s: signed by a trusted key", name);
	if (manifest.fd >= 0)
		store_close(&manifest);
	if (signatures.fd >= 0)
		store_close(&signatures);
	return err;
}
