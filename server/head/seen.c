/* seen.c - DHCP requests on the wire -> the machines that asked, a file of them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/seen.h"

#include "base/file.h"
#include "net/dhcp_packet.h"
#include "net/frame.h"
#include "server/head/nodes.h"

#include <stdio.h>

/* RFC 2131, 2: where the fields are, and what the options begin with */
enum { OP_AT = 0, HTYPE_AT = 1, HLEN_AT = 2, CHADDR_AT = 28, COOKIE_AT = 236, OPTIONS_AT = 240 };
enum { REQUEST = 1, ETHERNET = 1, COOKIE = 0x63825363 };
enum { OPTION_ARCHITECTURE = 93 }; /* RFC 4578, 2.1 */

static void take_option(uint8_t code, const uint8_t *value, size_t len, struct seen_machine *m, uint8_t *type)
{
	if (code == OPTION_TYPE && len == 1)
		*type = value[0];
	else if (code == OPTION_ARCHITECTURE && len >= 2)
		m->architecture = get_be16(value);
	else if (code == OPTION_VENDOR_CLASS && len >= 9)
		m->pxe = memcmp(value, "PXEClient", 9) == 0 || (len >= 10 && memcmp(value, "HTTPClient", 10) == 0);
}

static int read_options(const uint8_t *p, size_t len, struct seen_machine *m, uint8_t *type)
{
	while (len > 0 && *p != OPTION_END) {
		size_t size = *p == OPTION_PAD ? 1 : len < 2 ? len + 1 : 2 + (size_t)p[1];

		if (size > len)
			return -EBADMSG;
		if (*p != OPTION_PAD)
			take_option(p[0], p + 2, p[1], m, type);
		p += size;
		len -= size;
	}
	return 0;
}

int seen_read(const uint8_t *data, size_t len, struct seen_machine *m)
{
	uint8_t type = 0;
	int err;

	*m = (struct seen_machine){ .architecture = -1 };
	if (len < OPTIONS_AT || data[OP_AT] != REQUEST || data[HTYPE_AT] != ETHERNET || data[HLEN_AT] != MAC_LEN ||
	    get_be32(data + COOKIE_AT) != COOKIE)
		return -EPROTONOSUPPORT;
	memcpy(m->mac, data + CHADDR_AT, MAC_LEN);
	err = read_options(data + OPTIONS_AT, len - OPTIONS_AT, m, &type);
	if (err)
		return err;
	return type == DHCP_DISCOVER || type == DHCP_REQUEST ? 0 : -EPROTONOSUPPORT;
}

int seen_add(struct seen *seen, const struct seen_machine *m)
{
	struct seen_machine *more;

	for (size_t i = 0; i < seen->count; i++)
		if (memcmp(seen->machine[i].mac, m->mac, MAC_LEN) == 0)
			return 0;
	if (seen->count >= SEEN_MOST)
		return 0;
	more = reallocarray(seen->machine, seen->count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	seen->machine = more;
	seen->machine[seen->count++] = *m;
	return 1;
}

const char *seen_firmware(const struct seen_machine *m)
{
	switch (m->pxe ? m->architecture : -1) {
	case -1:
		return "no network boot";
	case 0:
		return "BIOS";
	case 6:
		return "UEFI, 32 bits";
	case 7:
	case 9:
		return "UEFI, 64 bits";
	case 15:
		return "UEFI HTTP boot, 32 bits";
	case 16:
		return "UEFI HTTP boot, 64 bits";
	default:
		return "a firmware that nothing here boots";
	}
}

void seen_write(const struct seen_machine *m, struct buf *out)
{
	char mac[MAC_TEXT_SIZE];

	buf_printf(out, "%s %d %d\n", mac_text(m->mac, mac), m->architecture, m->pxe);
}

int seen_parse(const char *line, struct seen_machine *m)
{
	char mac[MAC_TEXT_SIZE];
	int pxe;

	if (sscanf(line, "%17s %d %d", mac, &m->architecture, &pxe) != 3 || !node_is_one(mac, m->mac))
		return -EINVAL;
	m->pxe = pxe != 0;
	return 0;
}

int seen_load(const char *path, struct seen *seen)
{
	cleanup_free char *text = file_text(path);
	struct seen_machine m;

	*seen = (struct seen){ 0 };
	for (char *line = text; line && *line;) {
		char *end = strchr(line, '\n');

		if (!end)
			break; /* it is just being written */
		*end = '\0';
		if (seen_parse(line, &m) == 0 && seen_add(seen, &m) < 0)
			return -ENOMEM;
		line = end + 1;
	}
	return 0;
}

void seen_free(struct seen *seen)
{
	free(seen->machine);
	*seen = (struct seen){ 0 };
}
