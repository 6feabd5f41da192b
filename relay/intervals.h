/* intervals.h - every time in the relay's engine, ms, and how they have to stand to each other. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_INTERVALS_H
#define RELAY_INTERVALS_H

/* ---- signs of life, and for how long they may be missing */
#define NODE_TICK_MS       50
#define HEAD_TICK_MS       50
#define BEAT_MS            500  /* the head says something to every node */
#define HEAD_SILENCE_MS    5000 /* without a word of the head: the connection is closed */
#define REPORT_MIN_MS      100  /* a node reports to the head: so often among few, */
#define REPORT_MS          250  /* where nothing is said, */
#define REPORT_MAX_MS      500  /* and so often among thousands */
#define QUIET_MS           400  /* a report is so late that its node may be dead */
#define NODE_SILENCE_MS    1500 /* without a word a node is taken for lost */
#define NODE_DEAD_MS       5000 /* and its connection is closed and made anew */
#define IDLE_MS            300  /* a parent with nothing to send says so */
#define PARENT_SILENCE_MS  1000 /* without a byte a parent is given up */
#define NODE_KEEPS_HEAD_MS 1500 /* a head heard of within is not replaced by the next who comes */

/* ---- connections */
#define RETRY_MS    300  /* between attempts to reach a node */
#define CONNECT_MS  2000 /* for one attempt */
#define GUEST_MS    3000 /* a connection says what it is within */
#define ORPHAN_MS   3000 /* a node without a parent asks for one */
#define ANNOUNCE_MS 1000 /* "here I am", while there is no head */

/* ---- who is at fault */
#define CROWD_MS     250 /* borne longer for each further child of the same parent */
#define CROWD_MAX_MS 15000
#define STRIKE_MS    10000 /* a second complaint about the same parent within is believed */
#define STARVE_MS    2000  /* not a byte from a parent that has more: it does not feed */
#define TRY_MS       1200  /* after the start, and then: is the first node a slow one? */

#define HUNGRY_MS 10000 /* bytes came within: the way to it is open */

/* ---- how long a session waits; each an option */
#define START_MS         2000   /* for others, after the first */
#define GIVE_UP_MS       120000 /* for a node that was never seen */
#define RETURN_MS        5000   /* for one that is lost */
#define STALL_MS         60000  /* for one that gets nothing new */
#define STALL_MEDIUM     10     /* times as long: every byte is there, its medium is slow */
#define HEAD_PATIENCE_MS 60000  /* for a head, unfinished */
#define DONE_PATIENCE_MS 5000   /* for a head, finished, without children */
#define GOODBYE_MS       300    /* for the last words to leave */
#define RESTARTS         10     /* a node may be started anew so often */

/* ---- at a time, so that the others get their turn */
#define SCAN_SLICE_MS 20

_Static_assert(BEAT_MS * 4 < HEAD_SILENCE_MS, "a node misses several beats before it gives up the head");
_Static_assert(REPORT_MAX_MS + QUIET_MS < NODE_SILENCE_MS, "a late report is suspected before its node is lost");
_Static_assert(NODE_SILENCE_MS < NODE_DEAD_MS, "lost, then closed");
_Static_assert(IDLE_MS + HEAD_TICK_MS < PARENT_SILENCE_MS / 2, "a parent may miss one turn");
_Static_assert(SCAN_SLICE_MS < REPORT_MIN_MS, "a node reports while it looks at its target");
_Static_assert(PARENT_SILENCE_MS < NODE_SILENCE_MS, "a child complains before the head takes its parent for lost");
_Static_assert(PARENT_SILENCE_MS < STARVE_MS, "silence is found by the child, hunger by the head");
_Static_assert(STARVE_MS < HUNGRY_MS, "hunger is found out before it is believed");
_Static_assert(CONNECT_MS < ORPHAN_MS, "the head has tried before the node asks again");
_Static_assert(NODE_KEEPS_HEAD_MS <= HEAD_SILENCE_MS && NODE_KEEPS_HEAD_MS > BEAT_MS, "a living head is kept");
_Static_assert(NODE_DEAD_MS < STALL_MS && RETURN_MS < STALL_MS, "the last limit is the longest");

#endif
