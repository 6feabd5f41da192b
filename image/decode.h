/* decode.h - compressed bytes -> plain bytes as they stream: gzip, xz and zstd behind one call. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_DECODE_H
#define IMAGE_DECODE_H

#include "image/image.h"

/* The largest history a decoder may ask for. xz: what `xz -9` makes (64 MiB); zstd: what `zstd --ultra -22` and
 * `--long` make, and its own decoder takes by default (128 MiB). gzip needs 32 KiB. With less memory at hand the
 * limit is lower: see decoder_open. */
#define DECODE_XZ_DICTIONARY   (64 * MIB)
#define DECODE_ZSTD_WINDOW_LOG 27

/* What is to be read and where to write; decoder_run moves all four on. */
struct decode_io {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
};

/* One compression, in decode_*.c. */
struct decode_format {
	enum image_kind kind;
	const char *name;
	/* True when a further member may begin with the byte B. */
	bool (*may_begin)(uint8_t b);
	/* Sets up *STATE. MEMORY: bytes it may use, -1: only the limits above. 0 or -errno. */
	int (*open)(void **state, int64_t memory);
	/* Decodes until IN is used up or OUT is full. 0, 1 at the end of a member, or -errno with WHY (words), of which
	 * -ENOMEM means more memory than allowed, and anything else damage. */
	int (*run)(void *state, struct decode_io *io, char why[static 160]);
	/* Makes ready for the next member. 0 or -errno. */
	int (*again)(void *state);
	void (*close)(void *state);
};
extern const struct decode_format decode_gzip, decode_xz, decode_zstd;

/* A stream being decoded. {0} is none. */
struct decoder {
	const struct decode_format *format; /* NULL: none */
	void *state;
	int64_t taken; /* bytes read so far */
	bool between;  /* the last member is complete: the stream may end here */
	int64_t zeros; /* bytes of padding seen since: of tapes, of blocks, of whatever joined two files */
};

/* Sets D up for KIND (IMAGE_GZIP, _XZ, _ZSTD). MEMORY as above. 0 or -errno with F. */
int decoder_open(struct decoder *d, enum image_kind kind, int64_t memory, struct failure *f) must_check;

/* Decodes until IO's input is used up or its room is full. While room is left, all input has been used and nothing is
 * held back. Several members behind one another, with zeros between and behind them, are one stream. 0; 1 where it has
 * ended, and IO's input goes on with something else; or -errno with F (FAIL_IMG_CORRUPT with the place of the damage,
 * FAIL_MEM_TOO_LITTLE where the history is too large). */
int decoder_run(struct decoder *d, struct decode_io *io, struct failure *f) must_check;

/* The failure that decoder_run's 1 is to who has no use for something else: -EBADMSG with F. */
int decoder_refuse(const struct decoder *d, struct failure *f);

/* Whether the stream may end here. 0 or -errno with F. */
int decoder_finish(struct decoder *d, struct failure *f) must_check;

void decoder_close(struct decoder *d);

#endif
