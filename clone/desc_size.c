/* desc_size.c - "500", "1.5G", "20%", "fill" <-> sizes in bytes and wishes. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/desc.h"

/* What a letter behind a number means; of "" megabytes, as fdisk_to_desc wrote them. */
static int64_t unit_of(const char *letter)
{
	static const struct {
		const char *letter;
		int64_t bytes;
	} units[] = {
		{ "", MIB },
		{ "M", MIB },
		{ "MiB", MIB },
		{ "B", 1 },
		{ "K", KIB },
		{ "G", 1024 * MIB },
		{ "T", 1024 * 1024 * MIB },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (streq(units[i].letter, letter))
			return units[i].bytes;
	return 0;
}

/* "12.34" -> 12 and 34 hundredths; where the number ends in *END. -EINVAL. */
static int read_hundredths(const char *text, int64_t *whole, unsigned *hundredths, const char **end)
{
	size_t digits = strspn(text, "0123456789");
	unsigned scale = 10;

	if (digits < 1 || digits > 18)
		return -EINVAL;
	*whole = 0;
	*hundredths = 0;
	for (; digits; digits--)
		*whole = *whole * 10 + (*text++ - '0');
	*end = text;
	if (*text != '.')
		return 0;
	for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
		*hundredths += scale * (unsigned)(*text - '0');
	*end = text;
	return (*end)[-1] == '.' ? -EINVAL : 0;
}

int desc_bytes(const char *text, int64_t *bytes)
{
	int64_t whole, unit;
	unsigned hundredths;
	const char *end;

	if (read_hundredths(text, &whole, &hundredths, &end))
		return -EINVAL;
	unit = unit_of(end);
	if (!unit || whole > DESC_MOST / unit || (unit == 1 && hundredths))
		return -EINVAL;
	*bytes = MIN(DESC_MOST, whole * unit + unit * hundredths / 100);
	return 0;
}

int desc_size(const char *text, enum wish *wish, int64_t *size)
{
	unsigned hundredths;
	int64_t whole;
	const char *end;

	if (streq(text, "fill")) {
		*wish = WISH_FILL;
		*size = 0;
		return 0;
	}
	if (read_hundredths(text, &whole, &hundredths, &end) == 0 && streq(end, "%")) {
		*wish = WISH_PERCENT;
		*size = whole > 100 ? 10001 : whole * 100 + hundredths;
		return *size >= 1 && *size <= 10000 ? 0 : -EINVAL;
	}
	*wish = WISH_BYTES;
	return desc_bytes(text, size) || *size == 0 ? -EINVAL : 0;
}

void desc_size_text(struct buf *out, int64_t bytes)
{
	if (bytes % MIB == 0)
		buf_printf(out, "%lld", (long long)(bytes / MIB));
	else if (bytes % KIB == 0)
		buf_printf(out, "%lldK", (long long)(bytes / KIB));
	else
		buf_printf(out, "%lldB", (long long)bytes);
}
