/* seen.h - DHCP requests on the wire -> the machines that asked, a file of them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_SEEN_H
#define SERVER_HEAD_SEEN_H

#include "base/buf.h"
#include "net/card.h"

#define SEEN_MOST 10000 /* machines that are kept: a bound on what a flood of invented ones costs */

/* One machine that asked for an address. */
struct seen_machine {
	uint8_t mac[MAC_LEN];
	int architecture; /* RFC 4578, 2.1; -1: it did not say */
	bool pxe;         /* it wants a file to boot from: its class is PXEClient or HTTPClient */
};

/* All of them. Release it with seen_free. */
struct seen {
	struct seen_machine *machine;
	size_t count;
};

/* A DHCP message from a client, as its UDP datagram has it -> *M. 0; -EPROTONOSUPPORT: it is none of a client that
 * looks for a server; -EBADMSG. */
int seen_read(const uint8_t *data, size_t len, struct seen_machine *m) must_check;

/* Notes M. 1: it is new; 0: it was known, or there are too many; -ENOMEM. */
int seen_add(struct seen *seen, const struct seen_machine *m) must_check;

/* "BIOS", "UEFI, 64 bits", ... */
const char *seen_firmware(const struct seen_machine *m);

/* One line of the file of machines, and back. Adds to OUT. 0 or -EINVAL. */
void seen_write(const struct seen_machine *m, struct buf *out);
int seen_parse(const char *line, struct seen_machine *m) must_check;

/* Reads the file PATH; lines that are none are left out, and one that is not there has none. 0 or -ENOMEM. */
int seen_load(const char *path, struct seen *seen) must_check;
void seen_free(struct seen *seen);

#endif
