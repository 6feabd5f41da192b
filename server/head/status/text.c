/* text.c - bytes of strangers -> text that is safe to keep, to print and to put into JSON. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/text.h"

struct span span_of(const char *s)
{
	return (struct span){ s, strlen(s) };
}

bool span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

bool span_skip(struct span *s, const char *text)
{
	size_t len = strlen(text);

	if (s->len < len || memcmp(s->at, text, len) != 0)
		return false;
	*s = (struct span){ s->at + len, s->len - len };
	return true;
}

struct span span_cut(struct span *s, char end)
{
	const char *found = s->len ? memchr(s->at, end, s->len) : NULL;
	struct span front = { s->at, found ? (size_t)(found - s->at) : s->len };
	size_t gone = front.len + (found ? 1 : 0);

	*s = (struct span){ s->at + gone, s->len - gone };
	return front;
}

int span_number(struct span s, int64_t *out)
{
	int64_t n = 0;

	if (!s.len)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, s.at[i] - '0', &n))
			return -EINVAL;
	}
	*out = n;
	return 0;
}

/* The length of the character that S begins with (RFC 3629, section 4), 0 where it is none; *CODE: its number. */
static size_t utf8_length(struct span s, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t first = (uint8_t)s.at[0];
	size_t len = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;

	if (!len || len > s.len)
		return 0;
	*code = len == 1 ? first : first & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (((uint8_t)s.at[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | ((uint8_t)s.at[i] & 0x3f);
	}
	return *code < least[len] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff) ? 0 : len;
}

/* Characters that show nothing and change how others are shown: marks and overrides of direction, joiners, tags. */
static bool is_hidden(uint32_t code)
{
	return (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || code == 0x61c || code >= 0xe0000;
}

static bool is_control(uint32_t code)
{
	return code < ' ' || (code >= 127 && code < 160);
}

size_t text_clean(char *dst, size_t size, struct span s)
{
	size_t out = 0;

	while (s.len) {
		uint32_t code = 0;
		size_t len = utf8_length(s, &code), used = len ? len : 1;
		bool replaced = !len || is_control(code) || is_hidden(code);

		if (out + (replaced ? 1 : len) >= size)
			break;
		if (replaced)
			dst[out++] = len && is_control(code) ? ' ' : '?';
		else
			memcpy(dst + out, s.at, len);
		out += replaced ? 0 : len;
		s = (struct span){ s.at + used, s.len - used };
	}
	dst[out] = '\0';
	return out;
}
