/* patience.h - what is heard on a card -> when to ask again: fast while the port may still be learning, slow after. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_PATIENCE_H
#define NET_PATIENCE_H

#include "net/frame.h"

/* RFC 2131, 4.1 lets a client wait 4, 8, 16 ... 64 s between requests, to spare a server that is there but busy. A node
 * that boots mostly faces something else: a switch port with spanning tree drops everything for up to 50 s after
 * link-up and then forwards from one moment to the next. So:
 *  - the first requests follow each other fast (ports that have just come up lose the first frames);
 *  - as long as nothing was ever heard, or the switch says that the port does not forward yet, and a while longer, for
 *    its clock began later than ours (PATIENCE_LATE_PORT_MS), at most PATIENCE_BLIND_MS lie between two: a lease comes
 * within a second of the port's forwarding, and nobody is bothered before;
 *  - the first frame of another machine shows that the port forwards now: ask at once, start fast again;
 *  - from then on silence means a busy or absent server: slow down to PATIENCE_HEARD_MS. */
enum {
	PATIENCE_FIRST_MS = 100,
	PATIENCE_BLIND_MS = 650,
	PATIENCE_HEARD_MS = 4000,
	PATIENCE_LATE_MS = 2000, /* nothing heard for PATIENCE_LEARN_MS: no spanning tree takes that long */
	PATIENCE_LEARN_MS = 60000,
	PATIENCE_LATE_PORT_MS = 10000,
};

struct patience {
	int64_t linked_ms; /* since when the card has link */
	int64_t step_ms;   /* the last pause, before jitter */
	bool heard;        /* another machine's frame came in */
	bool stp;          /* the switch runs spanning tree */
	/* when its port forwards at the latest, as far as it told; 0: it does, or nothing is known */
	int64_t forward_ms;
};

/* The link is there since NOW; nothing is known of the switch yet. */
void patience_start(struct patience *p, int64_t now);

/* After a request was sent: when to send the next one. Jitter (minus 0 to 25 %) keeps a thousand nodes that were
 * switched on together from asking together. */
int64_t patience_next(struct patience *p, int64_t now);

/* The same for a second conversation on the same card, whose last pause is in *STEP_MS (0: fast again). */
int64_t patience_next_of(const struct patience *p, int64_t *step_ms, int64_t now);

/* A new conversation begins: fast again. */
void patience_restart(struct patience *p);

/* FRAME came in from another machine. True when it says that the port forwards, which was not known before: a request
 * sent now will get through. */
bool patience_hear(struct patience *p, int64_t now, const uint8_t *frame, size_t len);

/* Seconds until the port forwards, rounded up, where spanning tree is known to hold it back; else 0. */
int patience_port_wait_s(const struct patience *p, int64_t now);

#endif
