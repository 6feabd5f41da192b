/* wire.c - the published dolly protocols' few messages <-> bytes. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/dolly/wire.h"

#include "image/sha256.h"
#include "relay/dolly/conf.h"

#define MAX_GREETING 16384

/* The bytes from AT: is the configuration complete? */
static enum dolly_greeting_result text_from(const uint8_t *p, size_t len, size_t at, struct dolly_greeting *g)
{
	g->text_at = at;
	if (len > at && (p[at] < ' ' || p[at] > '~'))
		return DOLLY_NONSENSE;
	if (len > at && dolly_conf_complete((const char *)p + at, len - at))
		return DOLLY_COMPLETE;
	return len > MAX_GREETING ? DOLLY_NONSENSE : DOLLY_MORE;
}

/* Behind the password: 4 bytes, native unsigned int of a little-endian machine. */
static enum dolly_greeting_result directory_from(const uint8_t *p, size_t len, size_t at, struct dolly_greeting *g)
{
	if (len < at + 4)
		return DOLLY_MORE;
	if (p[at] > 1 || p[at + 1] || p[at + 2] || p[at + 3])
		return DOLLY_NONSENSE;
	g->directory = p[at];
	return text_from(p, len, at + 4, g);
}

enum dolly_greeting_result dolly_read_greeting(const uint8_t *p, size_t len, bool answered, struct dolly_greeting *g)
{
	*g = (struct dolly_greeting){ .family = DOLLY_OLD };
	if (len == 0)
		return DOLLY_MORE;
	if (p[0] > 1)
		return text_from(p, len, 0, g);
	g->family = DOLLY_NEW;
	g->password = p[0];
	if (!g->password)
		return directory_from(p, len, 1, g);
	if (len < 1 + DOLLY_NONCE)
		return DOLLY_MORE;
	if (!answered)
		return DOLLY_CHALLENGE;
	if (len < 1 + DOLLY_NONCE + 3)
		return DOLLY_MORE;
	if (memcmp(p + 1 + DOLLY_NONCE, "OK", 3) != 0)
		return DOLLY_NONSENSE; /* AUTH_FAILED:name */
	return directory_from(p, len, 1 + DOLLY_NONCE + 3, g);
}

void dolly_answer(const char *password, const uint8_t nonce[DOLLY_NONCE], uint8_t answer[32])
{
	uint8_t word[SHA256_SIZE];
	struct sha256 s;

	sha256_begin(&s);
	sha256_add(&s, password, strlen(password));
	sha256_end(&s, word);
	sha256_begin(&s);
	sha256_add(&s, word, sizeof(word));
	sha256_add(&s, nonce, DOLLY_NONCE);
	sha256_end(&s, answer);
}

int dolly_put_parameters(struct buf *b, enum dolly_family family, const char *me)
{
	if (family == DOLLY_OLD)
		return buf_printf(b, "Host got parameters '%s'.\n", me);
	return buf_printf(b, "Client %s configured with parameters. Ready to proceed.\n", me);
}

int dolly_put_ready(struct buf *b, enum dolly_family family, const char *me)
{
	return buf_printf(b, family == DOLLY_OLD ? "Host ready '%s'.\n" : "Client %s ready.\n", me);
}

void dolly_put_length(uint8_t out[8], uint64_t bytes)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(bytes >> (8 * i));
}

uint64_t dolly_get_length(const uint8_t p[8])
{
	uint64_t bytes = 0;

	for (int i = 0; i < 8; i++)
		bytes |= (uint64_t)p[i] << (8 * i);
	return bytes;
}

/* Could the LEN bytes at P be the begin of WORD? */
static bool may_begin(const uint8_t *p, size_t len, const char *word)
{
	return memcmp(p, word, MIN(len, strlen(word))) == 0;
}

enum dolly_answer dolly_read_answer(const uint8_t *p, size_t len, size_t *used)
{
	const uint8_t *end;

	if (len >= 7 ? may_begin(p, len, "Host ") || may_begin(p, len, "Client ")
		     : len > 0 && (may_begin(p, len, "Host ") || may_begin(p, len, "Client "))) {
		end = memchr(p, '\n', len);
		*used = end ? (size_t)(end - p) + 1 : 0;
		return end ? DOLLY_ANSWER_LINE : DOLLY_ANSWER_MORE;
	}
	*used = 8;
	return len >= 8 ? DOLLY_ANSWER_ACK : DOLLY_ANSWER_MORE;
}

bool dolly_line_ready(const char *line, size_t len, char *name, size_t size)
{
	const char *from, *to;

	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (len > 14 && memcmp(line, "Host ready '", 12) == 0 && memcmp(line + len - 2, "'.", 2) == 0) {
		from = line + 12;
		to = line + len - 2;
	} else if (len > 14 && memcmp(line, "Client ", 7) == 0 && memcmp(line + len - 7, " ready.", 7) == 0) {
		from = line + 7;
		to = line + len - 7;
	} else {
		return false;
	}
	len = MIN((size_t)(to - from), size - 1);
	memcpy(name, from, len);
	name[len] = '\0';
	return true;
}
