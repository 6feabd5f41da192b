/* wire.h - the extension's messages <-> bytes: pure functions; doc/relay.md describes the format to the byte. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_WIRE_H
#define RELAY_WIRE_H

#include "base/buf.h"
#include "trust/hash.h"

/* Every connection and datagram of the extension begins with these eight bytes. */
#define WIRE_MAGIC      "\xd3relay1\n"
#define WIRE_MAGIC_SIZE 8
/* The extension's port, TCP on every node and the head, UDP for announcements; no original listens there. */
#define WIRE_PORT 9995

#define WIRE_HEADER  8          /* u32 length of the body, u8 type, u8 flags, u16 zero; all little-endian */
#define WIRE_SMALL   (1 << 17)  /* no body is longer but that of WIRE_RUN */
#define WIRE_JOB_MAX (16 << 20) /* and that of WIRE_JOB */
#define WIRE_SESSION 16
#define WIRE_NAME    64 /* longest name, bytes */
#define WIRE_PATH    4096

/* Who sends what: H head, N node, C child, P parent. */
enum wire_type {
	WIRE_OPEN = 1,      /* H>N first frame on a control connection the head makes; no body */
	WIRE_HELLO = 2,     /* N>H who I am, what I have */
	WIRE_JOB = 3,       /* H>N what is to be fetched */
	WIRE_READY = 4,     /* N>H target open; struct wire_progress */
	WIRE_PARENT = 5,    /* H>N fetch from there */
	WIRE_DROP = 6,      /* H>N stop feeding that child: u32 node */
	WIRE_PROGRESS = 7,  /* N>H every report_ms: also the sign of life */
	WIRE_LOST = 8,      /* N>H my parent does not serve me */
	WIRE_BAD = 9,       /* N>H a chunk from my parent had the wrong hash; struct wire_lost */
	WIRE_TOTAL = 10,    /* H>N a stream has ended: its size and root */
	WIRE_DONE = 11,     /* N>H all is verified and on the medium; struct wire_total */
	WIRE_FAILED = 12,   /* N>H I give up: text */
	WIRE_BEAT = 13,     /* H>N every 500 ms: the head lives; no body */
	WIRE_BYE = 14,      /* H>N the session is over: u8 0 success, 1 failure; text */
	WIRE_ANNOUNCE = 15, /* N>any, by UDP: I wait for a head; struct wire_hello */
	WIRE_GET = 16,      /* C>P first frame on a data connection */
	WIRE_WANT = 17,     /* C>P send these chunks when you have them */
	WIRE_LIST = 18,     /* C>P send the hashes of this group: u32 */
	WIRE_HASHES = 19,   /* P>C u32 group, then its hashes */
	WIRE_RUN = 20,      /* P>C chunks */
	WIRE_IDLE = 21,     /* P>C nothing to send now, but I live; no body */
	WIRE_REFUSED = 22,  /* P>C not from me: text */
	/* H>N first frame on a data connection the head makes, where the other direction is closed; wire_get */
	WIRE_PUSH = 23,
};

struct wire_header {
	uint32_t length;
	uint8_t type, flags;
};

struct wire_hello {
	uint64_t id;                   /* drawn when the program starts */
	uint16_t port;                 /* where children connect */
	uint8_t session[WIRE_SESSION]; /* what it holds; zero: nothing */
	struct hash root;
	uint32_t have;             /* verified chunks of it */
	struct hash nonce;         /* for the head's proof of the password */
	char name[WIRE_NAME + 1];  /* host name, for people */
	char group[WIRE_NAME + 1]; /* which kind of head it waits for: "dolly", or a ka session's name */
	uint8_t flags;             /* of enum wire_hello_flags */
	/* names where it puts what comes, where it decides that itself; zero: the job says */
	struct hash target;
};

enum wire_hello_flags { WIRE_HELLO_TAKEN = 1 /* another connection of a head is there, and lives: not this one */ };

enum wire_job_flags {
	WIRE_JOB_STREAM = 1, /* size and root come at the end, each run carries its hashes */
	WIRE_JOB_UNPACK = 2, /* `compressed infile`: the node unpacks what arrives */
	WIRE_JOB_NO_SYNC = 4,
};

struct wire_job {
	uint8_t session[WIRE_SESSION];
	uint32_t flags;
	uint32_t node;      /* the receiver's number, 1.. ; 0 is the head */
	uint16_t head_port; /* where the head serves chunks */
	uint32_t chunk;     /* bytes */
	int64_t size;       /* -1: a stream */
	int64_t split;      /* bytes per part of the target, 0: one */
	uint16_t report_ms; /* how often the node reports its progress */
	struct hash root;
	struct hash nonce;        /* the head's */
	struct hash proof;        /* MAC of all the rest under the password; zero without one */
	char name[WIRE_NAME + 1]; /* how the head calls the receiver */
	char *target;             /* path on the node; malloc'ed */
	struct hash *group;       /* malloc'ed */
	uint32_t groups;
};

/* Where a parent is. */
enum wire_family {
	WIRE_AT_HEAD = 0, /* on the head's machine: at the address of the control connection */
	WIRE_COMES = 1,   /* the head connects to the node, by WIRE_PUSH */
	WIRE_IPV4 = 4,
	WIRE_IPV6 = 6,
};

#define WIRE_NOBODY UINT32_MAX /* a node number that is none */

struct wire_parent {
	uint32_t generation; /* counts up; answers repeat it */
	uint32_t node;       /* 0: the head, at the address of the control connection; WIRE_NOBODY: wait */
	uint8_t family;      /* of enum wire_family */
	uint8_t address[16];
	uint16_t port;
	uint16_t patience; /* ms its silence is borne: it may have many children; 0: as always */
};

enum wire_why {
	WIRE_WHY_REFUSED = 1, /* no connection, or WIRE_REFUSED */
	WIRE_WHY_CLOSED = 2,  /* end or reset of a connection that worked */
	WIRE_WHY_SILENT = 3,  /* not a byte for a second */
	WIRE_WHY_BAD = 4,     /* wrong bytes again and again, or nonsense */
	WIRE_WHY_NONE = 5,    /* it has been told of no parent for long */
};

struct wire_lost {
	uint32_t generation, node; /* which parent */
	uint8_t why;
	uint32_t chunk; /* WIRE_BAD: the chunk; WIRE_LOST: what connect(2) said, an errno, 0: nothing */
};

struct wire_progress {
	uint32_t generation, node; /* parent now served by, WIRE_NOBODY where none */
	uint32_t have;             /* verified chunks */
	uint64_t bytes;            /* verified bytes */
	uint64_t received;         /* bytes of chunks that came over the wire, wasted ones included */
	bool occupied;             /* with what it has already: bytes are not waited for at present */
	uint8_t children;
};

struct wire_total {
	int64_t size;
	uint32_t count;
	struct hash root;
};

struct wire_get {
	uint8_t session[WIRE_SESSION];
	uint32_t node; /* the child's number */
	/* WIRE_PUSH: of the WIRE_PARENT that announced it, which may come later; WIRE_GET: 0 */
	uint32_t generation;
};

enum wire_want_flags { WIRE_WANT_AGAIN = 1 /* what you sent was bad: look at yours first */ };

struct wire_want {
	uint32_t first, count;
};

/* The fixed part of WIRE_RUN's body; with WIRE_RUN_HASHED set in the header's flags, COUNT hashes follow, then the
 * bytes of the chunks. */
#define WIRE_RUN_FIXED  16
#define WIRE_RUN_HASHED 1
struct wire_run {
	uint32_t first, count;
	uint64_t offset; /* of the first byte */
};

/* Adds a whole frame. Failures show in B->failed. */
void wire_put_empty(struct buf *b, enum wire_type type);
void wire_put_hello(struct buf *b, enum wire_type type, const struct wire_hello *m);
void wire_put_job(struct buf *b, const struct wire_job *m);
void wire_put_parent(struct buf *b, const struct wire_parent *m);
void wire_put_number(struct buf *b, enum wire_type type, uint32_t number);
void wire_put_progress(struct buf *b, enum wire_type type, const struct wire_progress *m);
void wire_put_lost(struct buf *b, enum wire_type type, const struct wire_lost *m);
void wire_put_total(struct buf *b, enum wire_type type, const struct wire_total *m);
void wire_put_text(struct buf *b, enum wire_type type, uint8_t code, const char *text);
void wire_put_get(struct buf *b, const struct wire_get *m);
void wire_put_push(struct buf *b, const struct wire_get *m);
void wire_put_want(struct buf *b, const struct wire_want *m, uint8_t flags);
void wire_put_hashes(struct buf *b, uint32_t group, const struct hash *hashes, uint32_t count);
/* The head of a run whose BYTES bytes of data are sent behind it. HASHES: NULL, or M->count of them. */
void wire_put_run(struct buf *b, const struct wire_run *m, const struct hash *hashes, uint32_t bytes);

/* Reads what the put calls wrote, from a body of LEN bytes. 0, or -EBADMSG where it is none. Longer bodies than known
 * are read as far as they are known, so that later versions may add. */
struct wire_header wire_get_header(const uint8_t bytes[WIRE_HEADER]);
int wire_get_hello(const uint8_t *p, size_t len, struct wire_hello *m) must_check;
int wire_get_job(const uint8_t *p, size_t len, struct wire_job *m) must_check; /* then wire_job_free */
int wire_get_parent(const uint8_t *p, size_t len, struct wire_parent *m) must_check;
int wire_get_number(const uint8_t *p, size_t len, uint32_t *number) must_check;
int wire_get_progress(const uint8_t *p, size_t len, struct wire_progress *m) must_check;
int wire_get_lost(const uint8_t *p, size_t len, struct wire_lost *m) must_check;
int wire_get_total(const uint8_t *p, size_t len, struct wire_total *m) must_check;
int wire_get_text(const uint8_t *p, size_t len, uint8_t *code, char *text, size_t size) must_check;
int wire_get_get(const uint8_t *p, size_t len, struct wire_get *m) must_check;
int wire_get_want(const uint8_t *p, size_t len, struct wire_want *m) must_check;
int wire_get_run(const uint8_t *p, size_t len, struct wire_run *m) must_check;
/* COUNT: how many hashes follow the number; they begin at P + 4. */
int wire_get_hashes(const uint8_t *p, size_t len, uint32_t *group, uint32_t *count) must_check;

void wire_job_free(struct wire_job *m);

/* The proof that the sender of M knows PASSWORD and has seen NONCE (the receiver's). */
struct hash wire_job_proof(const struct wire_job *m, const char *password, const struct hash *nonce);

/* LEN bytes nobody can guess. */
void wire_random(void *bytes, size_t len);

#endif
