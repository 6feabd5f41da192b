/* decode_gzip.c - gzip members (RFC 1952) -> plain bytes, by zlib. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/decode.h"

#include <stdio.h>
#include <limits.h>
#include <zlib.h>

/* zlib's way to say: gzip header and trailer around deflate with a 32 KiB window; both sums are checked by it. */
#define GZIP_ONLY (16 + MAX_WBITS)

static bool gzip_may_begin(uint8_t b)
{
	return b == 0x1f;
}

static int gzip_open(void **state, int64_t memory)
{
	z_stream *z = calloc(1, sizeof(*z));

	(void)memory; /* always small */
	if (!z)
		return -ENOMEM;
	if (inflateInit2(z, GZIP_ONLY) != Z_OK) {
		free(z);
		return -ENOMEM;
	}
	*state = z;
	return 0;
}

static int gzip_run(void *state, struct decode_io *io, char why[static 160])
{
	z_stream *z = state;
	uInt in = (uInt)MIN(io->in_len, (size_t)UINT_MAX), out = (uInt)MIN(io->out_len, (size_t)UINT_MAX);
	int result;

	z->next_in = (Bytef *)io->in;
	z->avail_in = in;
	z->next_out = io->out;
	z->avail_out = out;
	result = inflate(z, Z_NO_FLUSH);
	io->in += in - z->avail_in;
	io->in_len -= in - z->avail_in;
	io->out += out - z->avail_out;
	io->out_len -= out - z->avail_out;
	if (result == Z_STREAM_END)
		return 1;
	/* Z_BUF_ERROR only says that there was nothing to do. */
	if (result == Z_OK || result == Z_BUF_ERROR)
		return 0;
	snprintf(why, 160, "%s", z->msg ? z->msg : "zlib gave up");
	return result == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static int gzip_again(void *state)
{
	return inflateReset(state) == Z_OK ? 0 : -ENOMEM;
}

static void gzip_close(void *state)
{
	inflateEnd(state);
	free(state);
}

const struct decode_format decode_gzip = {
	.kind = IMAGE_GZIP,
	.name = "gzip",
	.may_begin = gzip_may_begin,
	.open = gzip_open,
	.run = gzip_run,
	.again = gzip_again,
	.close = gzip_close,
};
