/* decode_zstd.c - Zstandard frames (RFC 8878) -> plain bytes, by libzstd. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/decode.h"

#include <stdio.h>
#include <zstd.h>
#include <zstd_errors.h>

/* The smallest window a decoder should take (RFC 8878 section 3.1.1.1.2: 8 MiB), little memory or not. */
#define ZSTD_SMALLEST_LOG 23

struct zstd {
	ZSTD_DCtx *context;
	int window_log;
};

static bool zstd_may_begin(uint8_t b)
{
	return b == 0x28 || (b & 0xf0) == 0x50; /* a frame, a skippable frame */
}

static void zstd_close(void *state)
{
	struct zstd *z = state;

	ZSTD_freeDCtx(z->context);
	free(z);
}

static int zstd_open(void **state, int64_t memory)
{
	struct zstd *z = calloc(1, sizeof(*z));

	if (!z)
		return -ENOMEM;
	z->window_log = DECODE_ZSTD_WINDOW_LOG;
	while (memory >= 0 && z->window_log > ZSTD_SMALLEST_LOG && memory < INT64_C(1) << z->window_log)
		z->window_log--;
	z->context = ZSTD_createDCtx();
	if (!z->context || ZSTD_isError(ZSTD_DCtx_setParameter(z->context, ZSTD_d_windowLogMax, z->window_log))) {
		zstd_close(z);
		return -ENOMEM;
	}
	*state = z;
	return 0;
}

static int zstd_run(void *state, struct decode_io *io, char why[static 160])
{
	struct zstd *z = state;
	ZSTD_inBuffer in = { io->in, io->in_len, 0 };
	ZSTD_outBuffer out = { io->out, io->out_len, 0 };
	size_t result = 1;

	while (in.pos < in.size || out.pos == 0) {
		size_t before = in.pos + out.pos;

		result = ZSTD_decompressStream(z->context, &out, &in);
		if (ZSTD_isError(result) || result == 0 || out.pos == out.size || in.pos + out.pos == before)
			break;
	}
	io->in += in.pos;
	io->in_len -= in.pos;
	io->out += out.pos;
	io->out_len -= out.pos;
	if (!ZSTD_isError(result))
		return result == 0;
	switch (ZSTD_getErrorCode(result)) {
	case ZSTD_error_frameParameter_windowTooLarge:
		snprintf(why, 160, "unpacking this zstd file takes a window of more than the %d MiB that are allowed",
			 1 << (z->window_log - 20));
		return -ENOMEM;
	case ZSTD_error_memory_allocation:
		snprintf(why, 160, "no memory for the zstd decoder");
		return -ENOMEM;
	default:
		snprintf(why, 160, "%s", ZSTD_getErrorName(result));
		return -EBADMSG;
	}
}

static int zstd_again(void *state)
{
	struct zstd *z = state;

	return ZSTD_isError(ZSTD_DCtx_reset(z->context, ZSTD_reset_session_only)) ? -ENOMEM : 0;
}

const struct decode_format decode_zstd = {
	.kind = IMAGE_ZSTD,
	.name = "zstd",
	.may_begin = zstd_may_begin,
	.open = zstd_open,
	.run = zstd_run,
	.again = zstd_again,
	.close = zstd_close,
};
