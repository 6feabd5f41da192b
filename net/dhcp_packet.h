/* dhcp_packet.h - bytes of a DHCP message <-> its fields and options; pure functions (RFC 2131, 2132, 3396). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_DHCP_PACKET_H
#define NET_DHCP_PACKET_H

#include "base/buf.h"
#include "net/card.h"

#include <netinet/in.h>

enum { DHCP_SERVER_PORT = 67, DHCP_CLIENT_PORT = 68 };

/* Option 53 (RFC 2132, 9.6) */
enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
};

/* "DHCPOFFER"; "?" for what is none of the above. Never NULL. */
const char *dhcp_type_name(enum dhcp_type type);

/* RFC 2132 unless told else */
enum dhcp_option {
	OPTION_PAD = 0,
	OPTION_NETMASK = 1,
	OPTION_ROUTERS = 3,
	OPTION_DNS = 6,
	OPTION_HOSTNAME = 12,
	OPTION_DOMAIN = 15,
	OPTION_MTU = 26,
	OPTION_BROADCAST = 28,
	OPTION_NTP = 42,
	OPTION_REQUESTED_ADDRESS = 50,
	OPTION_LEASE = 51,
	OPTION_OVERLOAD = 52,
	OPTION_TYPE = 53,
	OPTION_SERVER_ID = 54,
	OPTION_WISHES = 55,
	OPTION_MESSAGE = 56,
	OPTION_MAX_SIZE = 57,
	OPTION_RENEW = 58,
	OPTION_REBIND = 59,
	OPTION_VENDOR_CLASS = 60,
	OPTION_CLIENT_ID = 61,
	OPTION_TFTP_SERVER = 66,
	OPTION_BOOTFILE = 67,
	OPTION_SEARCH = 119, /* RFC 3397 */
	OPTION_ROUTES = 121, /* RFC 3442 */
	OPTION_END = 255,
};

/* The value of one option, its pieces put together (RFC 3396); of an option of fixed size the first that has it. */
struct dhcp_value {
	const uint8_t *data; /* NULL: the option is absent; owned by the message */
	size_t len;
};

/* A message from a server. Release it with dhcp_message_free. */
struct dhcp_message {
	enum dhcp_type type;
	uint32_t xid;
	uint8_t mac[MAC_LEN];       /* chaddr: whom it is for */
	struct in_addr address;     /* yiaddr */
	struct in_addr next_server; /* siaddr */
	char server_name[65];       /* sname, "" when it is empty or carries options */
	char file[129];             /* file, likewise */
	struct in_addr from;        /* whose datagram it came in; the reader of the frame knows */
	struct dhcp_value option[256];
	bool odd[256];  /* one of that number was left out, being shorter or longer than it must be */
	uint8_t *store; /* the options' bytes */
};

/* Takes a UDP datagram's contents apart. Nothing in DATA is trusted: an option that claims more bytes than there are
 * makes the whole message bad. 0; -EPROTONOSUPPORT: no reply to an Ethernet card; -ENOMEM; -EBADMSG with the reason
 * in WHY (of WHY_SIZE bytes). */
int dhcp_read(const uint8_t *data, size_t len, struct dhcp_message *m, char *why, size_t why_size) must_check;
void dhcp_message_free(struct dhcp_message *m);

/* Takes what M lacks from BEFORE, the same server's offer, which must live as long: some servers say all of it once. */
void dhcp_message_complete(struct dhcp_message *m, const struct dhcp_message *before);

/* The option as an address, 0.0.0.0 when it is absent or not 4 bytes long; as a number of seconds, likewise 0. */
struct in_addr dhcp_option_address(const struct dhcp_message *m, enum dhcp_option option);
uint32_t dhcp_option_u32(const struct dhcp_message *m, enum dhcp_option option);

/* A message to a server. 0.0.0.0 and NULL: the option is left out. */
struct dhcp_ask {
	enum dhcp_type type;
	uint32_t xid;
	uint16_t secs;  /* seconds since this client began to ask */
	bool broadcast; /* the server shall answer to ff:ff:ff:ff:ff:ff */
	uint8_t mac[MAC_LEN];
	struct in_addr own;       /* ciaddr: the address this client has (only to release it) */
	struct in_addr requested; /* option 50 */
	struct in_addr server_id; /* option 54 */
	const char *hostname;     /* option 12 */
	const char *message;      /* option 56 */
};

/* Adds the message to OUT, filled up to the 300 bytes old relays insist on. 0 or -ENOMEM. */
int dhcp_write(struct buf *out, const struct dhcp_ask *ask) must_check;

#endif
