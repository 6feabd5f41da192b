/* verify.c - an image that is used where it lies, and the sum it shall have -> whether every byte of it is right. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/image.h"

#include "base/clock.h"
#include "image/sha256.h"

#include <unistd.h>

/* Bytes read at a time. */
#define PORTION ((size_t)256 * 1024)

/* Progress is shown at most this often. */
#define SHOW_EVERY_MS 100

static int add_all(const struct store *s, struct sha256 *sum, uint8_t *bytes, struct watch *w, struct failure *f)
{
	int64_t at = 0, shown = 0;

	while (at < s->size) {
		ssize_t n = pread(s->fd, bytes, (size_t)MIN((int64_t)PORTION, s->size - at), (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(f, FAIL_MED_READ, n ? -errno : -EIO, "%s at byte %lld of %lld: %s", s->path,
				    (long long)at, (long long)s->size, n ? err_text(errno) : "it ends there");
		sha256_add(sum, bytes, (size_t)n);
		at += n;
		if (watch_cancelled(w))
			return fail(f, FAIL_SYS_CANCELLED, -ECANCELED, "while checking %s", s->path);
		if (at == s->size || now_ms() - shown >= SHOW_EVERY_MS) {
			shown = now_ms();
			watch_progress(w, at, s->size);
		}
	}
	return 0;
}

int store_verify(struct store *s, const char *sha256_hex, struct watch *w, struct failure *f)
{
	cleanup_free uint8_t *bytes = malloc(PORTION);
	uint8_t want[SHA256_SIZE], got[SHA256_SIZE];
	char got_hex[2 * SHA256_SIZE + 1];
	struct sha256 sum;
	int err;

	if (!bytes)
		return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory to check the image");
	if (sha256_parse(want, sha256_hex))
		return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL, "sha256:%.80s: a SHA-256 is 64 hexadecimal digits",
			    sha256_hex);
	sha256_begin(&sum);
	err = add_all(s, &sum, bytes, w, f);
	if (err)
		return err;
	sha256_end(&sum, got);
	if (memcmp(got, want, SHA256_SIZE) == 0)
		return 0;
	sha256_format(got_hex, got);
	return fail(f, FAIL_IMG_DIGEST, -EBADMSG, "%s has SHA-256 %s, wanted is %s", s->path, got_hex, sha256_hex);
}
