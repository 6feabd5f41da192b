/* manifest.c - a short text that is signed <-> what an image is: name, version, size, sums. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trust/manifest.h"

#include "base/digits.h"
#include "trust/lines.h"

#define FIRST_LINE "stage1 manifest 1"
#define CHUNK_MIN  1024
#define CHUNK_MAX  (4 * 1024 * 1024)
#define NAME_LIMIT 255

/* ---- values: each takes LEN bytes at TEXT; 0, -EBADMSG or -ENOMEM */

static int take_number(int64_t *out, const char *text, size_t len, int64_t min, int64_t max)
{
	char digits[20];

	if (!len || len >= sizeof(digits))
		return -EBADMSG;
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return -EBADMSG;
	memcpy(digits, text, len);
	digits[len] = '\0';
	return parse_number(digits, min, max, out) ? -EBADMSG : 0;
}

static int take_sum(uint8_t sum[static 32], const char *text, size_t len)
{
	if (len != 64)
		return -EBADMSG;
	for (int i = 0; i < 32; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EBADMSG;
		sum[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int take_text(char **out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return -EBADMSG;
	*out = len ? strndup(text, len) : NULL;
	return *out ? 0 : len ? -ENOMEM : -EBADMSG;
}

static int take_name(char **out, const char *text, size_t len)
{
	if (len > NAME_LIMIT || memchr(text, '/', len))
		return -EBADMSG;
	return take_text(out, text, len);
}

static int take_chunk(uint32_t *out, const char *text, size_t len)
{
	int64_t n;
	int err = take_number(&n, text, len, CHUNK_MIN, CHUNK_MAX);

	if (!err)
		*out = (uint32_t)n;
	return err;
}

/* ---- fields */

enum field { NAME, VERSION, MINIMUM, SIZE, CHUNK, BLAKE3, SHA256, VERITY, WORDS, FIELDS };

static const char *const names[FIELDS] = { "name",   "version", "minimum", "size", "chunk",
					   "blake3", "sha256",  "verity",  "words" };
#define OPTIONAL (1u << MINIMUM | 1u << VERITY | 1u << WORDS)

static int take_field(struct manifest *m, enum field field, const char *text, size_t len)
{
	switch (field) {
	case NAME:
		return take_name(&m->name, text, len);
	case VERSION:
		return take_number(&m->version, text, len, 0, INT64_MAX);
	case MINIMUM:
		return take_number(&m->minimum, text, len, 0, INT64_MAX);
	case SIZE:
		return take_number(&m->size, text, len, 0, INT64_MAX);
	case CHUNK:
		return take_chunk(&m->chunk, text, len);
	case BLAKE3:
		return take_sum(m->blake3.b, text, len);
	case SHA256:
		return take_sum(m->sha256, text, len);
	case VERITY:
		m->has_verity = true;
		return take_sum(m->verity, text, len);
	default:
		return take_text(&m->words, text, len);
	}
}

/* One line; SEEN has a bit for each field that was there. */
static int take_line(struct manifest *m, const struct lines *l, unsigned *seen)
{
	const char *value;
	size_t len;

	for (enum field field = 0; field < FIELDS; field++) {
		if (!lines_field(l, names[field], &value, &len))
			continue;
		if (*seen & 1u << field)
			return -EBADMSG;
		*seen |= 1u << field;
		return take_field(m, field, value, len);
	}
	return -EBADMSG;
}

static int check_whole(const struct manifest *m, unsigned seen, struct buf *why)
{
	for (enum field field = 0; field < FIELDS; field++)
		if (!((seen | OPTIONAL) & 1u << field)) {
			buf_printf(why, "%s is missing", names[field]);
			return -EBADMSG;
		}
	if (m->minimum <= m->version)
		return 0;
	buf_printf(why, "its version %lld is below its own minimum %lld", (long long)m->version, (long long)m->minimum);
	return -EBADMSG;
}

int manifest_parse(struct manifest *m, const char *text, size_t len, struct buf *why)
{
	struct lines l = lines_of(text, len);
	unsigned seen = 0;
	int err = 0;

	*m = (struct manifest){ 0 };
	if (!lines_next(&l) || !lines_are(&l, FIRST_LINE)) {
		buf_str(why, "it does not begin with \"" FIRST_LINE "\"");
		return -EBADMSG;
	}
	while (!err && lines_next(&l))
		err = take_line(m, &l, &seen);
	if (err)
		buf_printf(why, "line %u: %s", l.number,
			   err == -ENOMEM ? "no memory for it" : "not a field, one for the second time, or no value");
	else
		err = check_whole(m, seen, why);
	if (err)
		manifest_free(m);
	return err;
}

static void put_sum(struct buf *out, const char *name, const uint8_t sum[static 32])
{
	buf_printf(out, "%s ", name);
	for (int i = 0; i < 32; i++)
		buf_printf(out, "%02x", sum[i]);
	buf_char(out, '\n');
}

void manifest_put(struct buf *out, const struct manifest *m)
{
	buf_printf(out, FIRST_LINE "\nname %s\nversion %lld\nminimum %lld\nsize %lld\nchunk %u\n", m->name,
		   (long long)m->version, (long long)m->minimum, (long long)m->size, m->chunk);
	put_sum(out, names[BLAKE3], m->blake3.b);
	put_sum(out, names[SHA256], m->sha256);
	if (m->has_verity)
		put_sum(out, names[VERITY], m->verity);
	if (m->words)
		buf_printf(out, "words %s\n", m->words);
}

void manifest_free(struct manifest *m)
{
	free(m->name);
	free(m->words);
	*m = (struct manifest){ 0 };
}
