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

static int parse_error(struct tftp_packet *p, const uint8_t *bytes, size_t len)
{
	size_t n = MIN(len - TFTP_HEADER, sizeof(p->words) - 1);

	p->number = read_u16(bytes + 2);
	memcpy(p->words, bytes + TFTP_HEADER, n);
	p->words[n] = '\0';
	for (char *c = p->words; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = ' ';
	return 0;
}

/* One option of an OACK. Those that were not asked for are an error (RFC 2347), unless they are unknown here too. */
static int take_option(struct tftp_options *o, const struct tftp_options *asked, const char *name, const char *value)
{
	int64_t n;

	if (parse_number(value, 0, INT64_MAX, &n))
		return -EPROTO;
	if (strcasecmp(name, "blksize") == 0) {
		if (n < 8 || n > asked->block_size)
			return -EPROTO;
		o->block_size = (unsigned)n;
	} else if (strcasecmp(name, "windowsize") == 0) {
		if (n < 1 || n > asked->window_size)
			return -EPROTO;
		o->window_size = (unsigned)n;
	} else if (strcasecmp(name, "tsize") == 0) {
		o->file_size = n;
	}
	return 0;
}

/* The string at *P, which must end before END; *P moves behind it. NULL where it does not end. */
static const char *next_string(const uint8_t **p, const uint8_t *end)
{
	const uint8_t *start = *p, *zero = memchr(start, '\0', (size_t)(end - start));

	if (!zero)
		return NULL;
	*p = zero + 1;
	return (const char *)start;
}

static int parse_oack(struct tftp_packet *p, const uint8_t *bytes, size_t len, const struct tftp_options *asked)
{
	const uint8_t *at = bytes + 2, *end = bytes + len;

	p->options = (struct tftp_options){ .block_size = 512, .window_size = 1, .file_size = -1 };
	while (at < end) {
		const char *name = next_string(&at, end);
		const char *value = name ? next_string(&at, end) : NULL;

		if (!value || take_option(&p->options, asked, name, value))
			return -EPROTO;
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
