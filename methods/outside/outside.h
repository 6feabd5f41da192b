/* outside.h - a method that runs in a program of its own: what stage1 and that program say to each other. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dolly and ka need the whole relay, and few boots need them; what they read comes from other machines. So stage1 has a
 * row for each in its table and no more (outside.c): it starts stage1-relay, which lies beside it, hands it the options
 * and the facts of the network, and then does what it is asked for. The program runs the very method, with a sink and a
 * watch that ask (stage1-relay.c). Both are of the same build, so a message is plain numbers and words.
 *
 * The image itself is in no message: it lies in a memory file of the program, whose descriptor comes along. What may
 * stay as it lies is taken over without a copy, all else is read from there straight into the sink's room. Where one of
 * the two ends, the other's socket does, and it ends, too. */
#ifndef METHODS_OUTSIDE_OUTSIDE_H
#define METHODS_OUTSIDE_OUTSIDE_H

#include "methods/method.h"

/* What is said. Each has two numbers, A and B, and words. */
enum outside_kind {
	/* by stage1: the job, up to START; nothing is said back before. Where there are words, B is 1 when they go on
	 * where those of the last message ended: what is too long for one comes in several */
	OUTSIDE_VALUE,   /* A: enum option_key; words: its value */
	OUTSIDE_NODE_ID, /* words: of node_id= */
	OUTSIDE_RESCUE,  /* the word rescue is there */
	OUTSIDE_RAW,     /* the sink keeps bytes as they come */
	OUTSIDE_NETWORK, /* the network is stage1's; A: next-server, an in_addr; B: number of the interface */
	OUTSIDE_DNS,     /* A: a name server, an in_addr */
	OUTSIDE_DNS6,    /* A and B: a name server, the halves of an in6_addr */
	OUTSIDE_SEARCH,  /* words: where names are looked for */
	OUTSIDE_DOMAIN,  /* words: of the network */
	OUTSIDE_START,   /* that is all */
	/* by stage1, then */
	OUTSIDE_ANSWER, /* to what was asked; A: 0 or -errno; B: enum fail_id; words: its detail */
	OUTSIDE_CANCEL, /* a person asks to stop */

	/* by the program: facts, which nobody answers */
	OUTSIDE_LOG,      /* A: enum log_level; words: a line */
	OUTSIDE_NOTE,     /* words: a line for a person */
	OUTSIDE_WAITING,  /* A: deadline, of now_ms(); words: why */
	OUTSIDE_PROGRESS, /* A: bytes done; B: of how many, -1: unknown */
	OUTSIDE_ALIVE,    /* it has nothing to say, and works */
	OUTSIDE_SERVER,   /* words: the address of the server it found */
	/* by the program: what the sink is asked for, one at a time; ANSWER follows */
	OUTSIDE_BEGIN,    /* A: bytes, -1: unknown */
	OUTSIDE_COPY,     /* A: offset, B: bytes; with a descriptor */
	OUTSIDE_TAKE,     /* A: bytes; with a descriptor */
	OUTSIDE_MAY_TAKE, /* A: bytes so far; with a descriptor */
	OUTSIDE_FINISH,
	OUTSIDE_RESTART,
	/* by the program, as its last words */
	OUTSIDE_END, /* A, B, words: as in ANSWER */
	OUTSIDE_KINDS,
};

/* The longest words of one message, in bytes. */
#define OUTSIDE_WORDS 32768

/* One message, as it was received. */
struct outside_message {
	enum outside_kind kind;
	int64_t a, b;
	const char *words; /* never NULL; lie in the packet they came in */
};

/* A packet: two numbers and the kind before the words. */
#define OUTSIDE_HEADER 24

/* Where a message is received: its bytes, and a NUL. */
struct outside_packet {
	uint8_t bytes[OUTSIDE_HEADER + OUTSIDE_WORDS + 1];
};

/* ---- messages (message.c) */

/* Reads the LEN bytes of P (FD: a descriptor came along) as M: numbers within their bounds, words with no NUL inside
 * and only where there may be some. 0 or -EBADMSG. */
int outside_parse(struct outside_packet *p, size_t len, bool fd, struct outside_message *m) must_check;

/* Writes the header of a message. */
void outside_header(uint8_t header[static OUTSIDE_HEADER], enum outside_kind kind, int64_t a, int64_t b);

/* Sends a message; WORDS may be NULL and are cut where they are too long, FD is -1 for none. 0 or -errno: -EPIPE when
 * the other side is gone, -EAGAIN when it does not read. */
int outside_send(int socket, enum outside_kind kind, int64_t a, int64_t b, const char *words, int fd) must_check;

/* Receives a message, waiting for it where WAIT is set. *FD is a descriptor that came along, the caller's from now
 * on, or -1. 0, -EAGAIN, -EPIPE when the other side is gone, -EBADMSG, other -errno. */
int outside_receive(int socket, struct outside_packet *p, bool wait, struct outside_message *m, int *fd) must_check;

/* ---- the job: a struct fetch here, another one there (job.c) */

/* Sends all that the methods use of F's options and network, and START. 0 or -errno of the socket. */
int outside_send_job(int socket, const struct fetch *f) must_check;

/* What a job is received into. {0}, then messages until START. */
struct outside_job {
	struct options options;
	struct network network;
	bool has_network; /* of its own; else the running system's */
	bool raw;
};

/* Adds what M says. 0, -EBADMSG when M is no part of a job, or -ENOMEM. */
int outside_job_add(struct outside_job *job, const struct outside_message *m) must_check;
void outside_job_free(struct outside_job *job);

/* ---- the methods themselves, in the program: as method.h has fetch, with a sink that has copy, take, begin, restart
 * and finish only (dolly.c, ka.c) */
int dolly_fetch(struct fetch *f) must_check;
int ka_fetch(struct fetch *f) must_check;

#endif
