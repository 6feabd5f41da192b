/* decode.c - compressed bytes -> plain bytes: members behind one another, padding, and what must not follow them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/decode.h"

static const struct decode_format *const formats[] = { &decode_gzip, &decode_xz, &decode_zstd };

int decoder_open(struct decoder *d, enum image_kind kind, int64_t memory, struct failure *f)
{
	size_t i;
	int err;

	*d = (struct decoder){ 0 };
	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i]->kind == kind)
			d->format = formats[i];
	if (!d->format)
		return fail(f, FAIL_SYS_INTERNAL, -EINVAL, "no decoder for %s", image_kind_name(kind));
	err = d->format->open(&d->state, memory);
	if (err) {
		const char *name = d->format->name;

		d->format = NULL;
		return fail(f, FAIL_MEM_TOO_LITTLE, err, "the %s decoder cannot start: %s", name, err_text(err));
	}
	return 0;
}

static void take(struct decoder *d, struct decode_io *io, size_t n)
{
	io->in += n;
	io->in_len -= n;
	d->taken += (int64_t)n;
}

/* Between members: skips zeros, starts the next member. 0, 1 where there is none, or -errno. */
static int next_member(struct decoder *d, struct decode_io *io, struct failure *f)
{
	const struct decode_format *fmt = d->format;
	int err;

	while (io->in_len && *io->in == 0) {
		take(d, io, 1);
		d->zeros++;
	}
	if (!io->in_len)
		return 0;
	if (!fmt->may_begin(*io->in))
		return 1;
	err = fmt->again(d->state);
	if (err)
		return fail(f, FAIL_MEM_TOO_LITTLE, err, "the %s decoder cannot go on: %s", fmt->name, err_text(err));
	d->between = false;
	d->zeros = 0;
	return 0;
}

int decoder_run(struct decoder *d, struct decode_io *io, struct failure *f)
{
	const struct decode_format *fmt = d->format;
	char why[160] = "";
	int err;

	do {
		size_t before;

		if (d->between) {
			err = next_member(d, io, f);
			if (err)
				return err;
			if (d->between)
				return 0;
		}
		before = io->in_len;
		err = fmt->run(d->state, io, why);
		d->taken += (int64_t)(before - io->in_len);
		if (err == -ENOMEM)
			return fail(f, FAIL_MEM_TOO_LITTLE, err, "%s", why);
		if (err < 0)
			return fail(f, FAIL_IMG_CORRUPT, err, "the %s data are damaged near byte %lld: %s", fmt->name,
				    (long long)d->taken, why);
		d->between = err == 1;
	} while (io->in_len && io->out_len);
	return 0;
}

int decoder_finish(struct decoder *d, struct failure *f)
{
	if (!d->between)
		return fail(f, FAIL_IMG_CORRUPT, -EBADMSG, "the %s data are cut: they break off at byte %lld",
			    d->format->name, (long long)d->taken);
	return 0;
}

int decoder_refuse(const struct decoder *d, struct failure *f)
{
	return fail(f, FAIL_IMG_CORRUPT, -EBADMSG, "the %s data end at byte %lld, but something that is no %s follows",
		    d->format->name, (long long)(d->taken - d->zeros), d->format->name);
}

void decoder_close(struct decoder *d)
{
	if (d->format)
		d->format->close(d->state);
	*d = (struct decoder){ 0 };
}
