/* packet.h - the bytes of one TFTP datagram <-> what it says (RFC 1350, 2347, 2348, 2349, 7440). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TFTP_PACKET_H
#define METHODS_TFTP_PACKET_H

#include "base/buf.h"

/* RFC 1350, section 5; OACK: RFC 2347. */
enum tftp_opcode { TFTP_RRQ = 1, TFTP_DATA = 3, TFTP_ACK = 4, TFTP_ERROR = 5, TFTP_OACK = 6 };

/* RFC 1350, appendix; the last one: RFC 2347. */
enum tftp_error {
	TFTP_NOT_DEFINED,
	TFTP_NOT_FOUND,
	TFTP_ACCESS,
	TFTP_DISK_FULL,
	TFTP_ILLEGAL,
	TFTP_UNKNOWN_ID,
	TFTP_EXISTS,
	TFTP_NO_USER,
	TFTP_OPTIONS
};

/* Bytes of a DATA packet before its data. */
#define TFTP_HEADER 4

/* What the two sides agree on. */
struct tftp_options {
	unsigned block_size;  /* bytes of a full block: 8..65464 (RFC 2348); 512 without the option */
	unsigned window_size; /* blocks to an acknowledgement: 1..65535 (RFC 7440); 1 without the option */
	int64_t file_size;    /* -1 where the server does not say */
};

/* A datagram from a server. */
struct tftp_packet {
	enum tftp_opcode opcode; /* DATA, ERROR or OACK */
	unsigned number;         /* DATA: the block's number, modulo 65536; ERROR: the code */
	const uint8_t *data;     /* DATA: points into the datagram */
	size_t len;
	char words[200];             /* ERROR: the message; OACK: what was left out; control characters blanked */
	struct tftp_options options; /* OACK: what can be used of it */
	bool unusable;               /* OACK: the size of blocks or windows is not clear, or not what may be answered */
};

/* Takes LEN bytes apart. ASKED is what the request had: an OACK that exceeds it is UNUSABLE. Zeros between and behind
 * its options are padding, the last one's own may be missing, and what is no answer to a question is left out. 0, or
 * -EPROTO for what is none of the three. Pure. */
int tftp_parse(struct tftp_packet *p, const uint8_t *bytes, size_t len, const struct tftp_options *asked) must_check;

/* Makes a read request for PATH in octet mode; OPTIONS NULL: without any. 0 or -ENOMEM. */
int tftp_read_request(struct buf *out, const char *path, const struct tftp_options *options) must_check;

/* Makes an acknowledgement of a block, or an error that ends the session. */
int tftp_ack(struct buf *out, unsigned number) must_check;
int tftp_error(struct buf *out, enum tftp_error code, const char *words) must_check;

#endif
