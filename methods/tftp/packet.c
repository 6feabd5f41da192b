/* packet.c - the bytes of one TFTP datagram <-> what it says (RFC 1350, 2347, 2348, 2349, 7440). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tftp/packet.h"

#include <strings.h>

static unsigned read_u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static int add_u16(struct buf *out, unsigned value)
{
	buf_char(out, (char)(value >> 8));
	return buf_char(out, (char)value);
}

/* ---- from a server */

/* LEN bytes that are words for a person, up to a zero; adds them where there are some. */
static void add_words(struct tftp_packet *p, const void *bytes, size_t len)
{
	size_t at = strlen(p->words), n = MIN(strnlen(bytes, len), sizeof(p->words) - 1 - at);

	memcpy(p->words + at, bytes, n);
	p->words[at + n] = '\0';
	for (char *c = p->words + at; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = ' ';
}

static int parse_error(struct tftp_packet *p, const uint8_t *bytes, size_t len)
{
	p->number = read_u16(bytes + 2);
	add_words(p, bytes + TFTP_HEADER, len - TFTP_HEADER);
	return 0;
}

/* The server's word for *FIELD, which had BEFORE: between LEAST and MOST, and always the same. */
static void agree(struct tftp_packet *p, unsigned *field, unsigned before, int64_t n, unsigned least, unsigned most)
{
	if (n < least || n > most || (*field != before && *field != n))
		p->unusable = true;
	else
		*field = (unsigned)n;
}

/* One option of an OACK. RFC 2347 allows only what was asked for; the rest changes nothing, and is left out. */
static void take_option(struct tftp_packet *p, const struct tftp_options *asked, const char *name, const char *value)
{
	struct tftp_options *o = &p->options;
	int64_t n = -1;
	bool number = parse_number(value, 0, INT64_MAX, &n) == 0;

	if (strcasecmp(name, "blksize") == 0)
		agree(p, &o->block_size, 512, number ? n : -1, 8, asked->block_size);
	else if (strcasecmp(name, "windowsize") == 0)
		agree(p, &o->window_size, 1, number ? n : -1, 1, asked->window_size);
	else if (strcasecmp(name, "tsize") == 0 && number)
		o->file_size = n;
	else
		for (size_t i = 0; i < 4; i++)
			add_words(p, (const char *[]){ *p->words ? ", " : "", name, "=", value }[i], SIZE_MAX);
}

/* The string at *P as TEXT, cut where it is longer than any that is known; it ends with a zero or before END. *P moves
 * behind it. */
static void next_string(const uint8_t **p, const uint8_t *end, char *text, size_t size)
{
	size_t len = strnlen((const char *)*p, (size_t)(end - *p)), n = MIN(len, size - 1);

	memcpy(text, *p, n);
	text[n] = '\0';
	*p += len + (*p + len < end);
}

static int parse_oack(struct tftp_packet *p, const uint8_t *bytes, size_t len, const struct tftp_options *asked)
{
	const uint8_t *at = bytes + 2, *end = bytes + len;
	char name[32], value[32];

	p->options = (struct tftp_options){ .block_size = 512, .window_size = 1, .file_size = -1 };
	while (at < end) {
		next_string(&at, end, name, sizeof(name));
		if (!*name)
			continue;
		next_string(&at, end, value, sizeof(value));
		take_option(p, asked, name, value);
	}
	return 0;
}

int tftp_parse(struct tftp_packet *p, const uint8_t *bytes, size_t len, const struct tftp_options *asked)
{
	*p = (struct tftp_packet){ 0 };
	if (len < 2)
		return -EPROTO;
	p->opcode = (enum tftp_opcode)read_u16(bytes);
	if (p->opcode == TFTP_OACK)
		return parse_oack(p, bytes, len, asked);
	if (len < TFTP_HEADER)
		return -EPROTO;
	if (p->opcode == TFTP_ERROR)
		return parse_error(p, bytes, len);
	if (p->opcode != TFTP_DATA)
		return -EPROTO;
	p->number = read_u16(bytes + 2);
	p->data = bytes + TFTP_HEADER;
	p->len = len - TFTP_HEADER;
	return 0;
}

/* ---- to a server */

static void add_option(struct buf *out, const char *name, unsigned value)
{
	buf_add(out, name, strlen(name) + 1);
	buf_printf(out, "%u", value);
	buf_char(out, '\0');
}

int tftp_read_request(struct buf *out, const char *path, const struct tftp_options *options)
{
	add_u16(out, TFTP_RRQ);
	buf_add(out, path, strlen(path) + 1);
	buf_add(out, "octet", sizeof("octet"));
	if (options) {
		add_option(out, "tsize", 0);
		add_option(out, "blksize", options->block_size);
		if (options->window_size > 1)
			add_option(out, "windowsize", options->window_size);
	}
	return out->failed ? -ENOMEM : 0;
}

int tftp_ack(struct buf *out, unsigned number)
{
	add_u16(out, TFTP_ACK);
	return add_u16(out, number & 0xffff);
}

int tftp_error(struct buf *out, enum tftp_error code, const char *words)
{
	add_u16(out, TFTP_ERROR);
	add_u16(out, code);
	return buf_add(out, words, strlen(words) + 1);
}
