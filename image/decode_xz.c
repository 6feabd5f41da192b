/* decode_xz.c - .xz streams -> plain bytes, by liblzma. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/decode.h"

#include <lzma.h>
#include <stdio.h>

/* What the decoder needs beside the dictionary: tables and buffers, measured at well below 1 MiB. */
#define XZ_BESIDE (2 * MIB)

struct xz {
	lzma_stream stream;
	uint64_t limit; /* bytes it may use */
};

static bool xz_may_begin(uint8_t b)
{
	return b == 0xfd;
}

/* A decoder for the next stream; memory of the one before is used again. The check is always verified: all.rdz has
 * every kind (CRC32, CRC64, SHA-256), and an unknown one is refused. */
static int xz_again(void *state)
{
	struct xz *x = state;

	return lzma_stream_decoder(&x->stream, x->limit, LZMA_TELL_UNSUPPORTED_CHECK) == LZMA_OK ? 0 : -ENOMEM;
}

static void xz_close(void *state)
{
	struct xz *x = state;

	lzma_end(&x->stream);
	free(x);
}

static int xz_open(void **state, int64_t memory)
{
	static const lzma_stream fresh = LZMA_STREAM_INIT;
	struct xz *x = malloc(sizeof(*x));
	int err;

	if (!x)
		return -ENOMEM;
	x->stream = fresh;
	x->limit = (uint64_t)(DECODE_XZ_DICTIONARY + XZ_BESIDE);
	if (memory >= 0 && (uint64_t)memory < x->limit)
		x->limit = (uint64_t)MAX(memory, MIB);
	err = xz_again(x);
	if (err) {
		xz_close(x);
		return err;
	}
	*state = x;
	return 0;
}

static int xz_words(struct xz *x, lzma_ret result, char why[static 160])
{
	const char *words = "the data make no sense";

	switch (result) {
	case LZMA_MEMLIMIT_ERROR:
		snprintf(why, 160, "unpacking this xz file takes %llu MB for its dictionary, %llu MB are allowed",
			 (unsigned long long)lzma_memusage(&x->stream) / 1000000,
			 (unsigned long long)x->limit / 1000000);
		return -ENOMEM;
	case LZMA_MEM_ERROR:
		snprintf(why, 160, "no memory for the xz decoder");
		return -ENOMEM;
	case LZMA_FORMAT_ERROR:
		words = "this is no .xz header";
		break;
	case LZMA_OPTIONS_ERROR:
		words = "it uses a filter that stage1 does not have (lzma2 and x86 are there)";
		break;
	case LZMA_UNSUPPORTED_CHECK:
		words = "its check is of a kind that stage1 does not have";
		break;
	default:
		break;
	}
	snprintf(why, 160, "%s", words);
	return -EBADMSG;
}

static int xz_run(void *state, struct decode_io *io, char why[static 160])
{
	struct xz *x = state;
	lzma_ret result;

	x->stream.next_in = io->in;
	x->stream.avail_in = io->in_len;
	x->stream.next_out = io->out;
	x->stream.avail_out = io->out_len;
	result = lzma_code(&x->stream, LZMA_RUN);
	io->in = x->stream.next_in;
	io->in_len = x->stream.avail_in;
	io->out = x->stream.next_out;
	io->out_len = x->stream.avail_out;
	if (result == LZMA_STREAM_END)
		return 1;
	/* LZMA_BUF_ERROR only says that there was nothing to do, twice. */
	if (result == LZMA_OK || result == LZMA_BUF_ERROR)
		return 0;
	return xz_words(x, result, why);
}

const struct decode_format decode_xz = {
	.kind = IMAGE_XZ,
	.name = "xz",
	.may_begin = xz_may_begin,
	.open = xz_open,
	.run = xz_run,
	.again = xz_again,
	.close = xz_close,
};
