/* wire.h - ka's control packets <-> bytes, in both layouts that exist, and our own words in their unused bytes. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_WIRE_H
#define RELAY_KA_WIRE_H

#include "base/base.h"

#include <netinet/in.h>

#define KA_VERSION      "Ka-deploy-0.6" /* on the wire with its NUL: 14 bytes */
#define KA_UDP_REQUEST  4957            /* the server hears session names here */
#define KA_UDP_REPLY    4958            /* a client hears the version here */
#define KA_DATA_PORT    30764
#define KA_CONTROL_PORT 30765
#define KA_NAME_MAX     199            /* bytes of a session name (an original's buffer less the NUL) */
#define KA_KEEPALIVE    "\xd2\x04\x00" /* with its NUL: the four bytes a child may send up a data connection */

/* A packet is the image of a C struct: the compiler's alignment decides where things are. All little-endian. */
enum ka_layout { KA_32, KA_64 };
#define KA_MAX_PACKET 40

/* Client to server. */
enum ka_up_type {
	KA_HELLO = 0,
	KA_GOT_CLIENT = 1, /* a child has connected; again: it is served now */
	KA_ACCEPTS_DATA = 2,
	KA_DAD_DISCONNECTED = 3,
	KA_HAS_FINISHED = 4,
	KA_REPORTS_POSITION = 5,
	KA_GO_NOW = 6,
	KA_OPTIONS = 7,
	KA_PING_REPLY = 8,
	KA_UP_OURS = 100, /* ours: an original server ignores it */
};

/* Server to client. */
enum ka_down_type {
	KA_DOWN_OURS = 0, /* ours: originals never send it and ignore it */
	KA_END_OF_FLOW = 1,
	KA_FINISH = 2,
	KA_GIVES_IP = 3,
	KA_GIVES_AUTH = 4,
	KA_DROP_CHILD = 5,
	KA_PLEASE_REPORT = 6,
	KA_PING = 7,
};

/* Values of please_report_position. */
enum ka_report { KA_REPORT_NO, KA_REPORT_ALWAYS, KA_REPORT_ONCE };

/* Our own words. Each is a packet, followed by `length` bytes of body (doc/ka.md). */
enum ka_up_op {
	KA_UP_NAME = 1,   /* body: the host's name */
	KA_UP_LOST = 2,   /* number: generation of the parent; body: enum wire_why, 1 byte */
	KA_UP_FAILED = 3, /* body: why, for people */
	KA_UP_RESUME = 4, /* number: who I was; bytes: what I have; body: the session, 16 bytes */
	KA_UP_KEEPS = 5,  /* I keep every byte from the first one on */
};
enum ka_down_op {
	KA_DOWN_WELCOME = 1, /* body: session, u32 window KiB, u32 chunk bytes, the session's name and a NUL */
	KA_DOWN_PARENT = 2,  /* number: generation; body: u32 who, IPv4 address (0: this server's), u16 port,
				u32 who you are */
	KA_DOWN_TOTAL = 3,   /* number: chunks; body: u64 bytes, root */
	KA_DOWN_ABORT = 4,   /* body: why, for people: the session has failed, for you at least */
	KA_DOWN_RELEASE = 5, /* nobody needs you any more */
	KA_DOWN_FLOOR = 6,   /* body: u64: nobody needs what comes before this byte any more */
};
/* No body is longer. */
#define KA_BODY_MAX 512

/* A packet of a client. Only the fields of its type mean anything; the others are sent as zero. */
struct ka_up {
	uint32_t type;       /* of enum ka_up_type, or one nobody knows */
	char version[26];    /* hello */
	bool ours;           /* hello: the sender speaks the extension ... */
	uint16_t port;       /* ... has its data port here ... */
	uint32_t window_kib; /* ... and keeps so much of the stream */
	struct in_addr ip;   /* got_client, dad_disconnected */
	int64_t bytes;       /* dad_disconnected, reports_position, KA_UP_RESUME */
	bool waits;          /* options */
	uint8_t op;          /* KA_UP_OURS: of enum ka_up_op; 0 where the mark is missing */
	uint16_t length;
	uint32_t number;
};

/* A packet of the server. */
struct ka_down {
	uint32_t type;     /* of enum ka_down_type, or one nobody knows */
	struct in_addr ip; /* gives_ip, gives_auth, drop_child */
	int64_t bytes;     /* gives_auth */
	uint32_t mode;     /* please_report: enum ka_report */
	uint8_t op;        /* KA_DOWN_OURS: of enum ka_down_op; 0 where the mark is missing */
	uint16_t length;
	uint32_t number;
};

/* Bytes of a packet: 32 or 40 up, 16 or 24 down. */
size_t ka_up_size(enum ka_layout layout);
size_t ka_down_size(enum ka_layout layout);

/* Writes ka_up_size (ka_down_size) bytes to P. */
void ka_put_up(uint8_t *p, enum ka_layout layout, const struct ka_up *m);
void ka_put_down(uint8_t *p, enum ka_layout layout, const struct ka_down *m);
/* Reads so many. What is no packet gets a type nobody knows: there is nothing that cannot be read. */
void ka_get_up(const uint8_t *p, enum ka_layout layout, struct ka_up *m);
void ka_get_down(const uint8_t *p, enum ka_layout layout, struct ka_down *m);

/* Which layout a client speaks, from the first LEN bytes it sent: *LAYOUT and 0; -EAGAIN where more are needed;
 * -EBADMSG where it is no hello at all. A hello of another version has a layout too. */
int ka_guess_layout(const uint8_t *p, size_t len, enum ka_layout *layout) must_check;

/* True when the datagram P asks for SESSION: the name and one last byte that nobody looks at. */
bool ka_is_request(const uint8_t *p, size_t len, const char *session);
/* True when the datagram P is a server's answer of our version. */
bool ka_is_reply(const uint8_t *p, size_t len);

/* Little-endian numbers of BYTES bytes in bodies. */
void ka_put_number(uint8_t *p, uint64_t value, int bytes);
uint64_t ka_get_number(const uint8_t *p, int bytes);

#endif
