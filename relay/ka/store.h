/* store.h - a stream as it comes -> its last part, or all of it, in memory, and readers at their own places. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_KA_STORE_H
#define RELAY_KA_STORE_H

#include "relay/loop.h"
#include "relay/store.h"

#include <netinet/in.h>

struct ka_store;

/* Somebody who gets the stream as plain bytes: an original child's socket, or the pipe to the sink command. */
struct ka_reader {
	struct ka_store *store;
	struct ka_reader *next;
	struct loop_fd w;  /* owned by the reader */
	int64_t at;        /* next byte to be sent */
	bool started;      /* may be sent to */
	struct in_addr ip; /* a child's address */
	int64_t since;     /* when it came, of loop_now() */
	bool told;         /* the owner's: it has been reported */
	/* It is over and freed after this call. ERR 0: the stream has ended and all of it is sent; -ENODATA: it fell so
	 * far behind that its bytes are gone; else it is broken. */
	void (*done)(struct ka_reader *r, int err);
	/* It has been sent something; may be NULL. */
	void (*moved)(struct ka_reader *r);
	void *owner;
};

/* {0}, then ka_store_open. The last bytes lie in a memory file that is written round and round: its pages are never
 * given back and asked for again. Or (ka_store_keep_all) the file grows, and everything stays. */
struct ka_store {
	struct loop *loop;
	struct rstore bytes; /* one part per round, all of the same file */
	int fd;
	/* the file, mapped twice in a row, so that nothing is ever cut at its end; or a piece */
	uint8_t *memory;
	int64_t mapped_at;  /* where that piece begins */
	size_t mapped;      /* bytes mapped */
	int64_t capacity;   /* bytes of the file that is written round and round */
	bool whole;         /* everything stays: byte N of the stream is byte N of the file */
	int64_t start, end; /* bytes from START to END are here */
	int64_t window;     /* so many of the last bytes are sure to be here, as far as others may count on it */
	bool ended;         /* no more comes */
	struct ka_reader *readers;
};

/* 0 or -errno with F. */
int ka_store_open(struct ka_store *s, struct loop *l, int64_t window, struct failure *f) must_check;
void ka_store_close(struct ka_store *s);

/* From now on nothing is overwritten. 0, or -ENODATA where the first round has ended already. */
int ka_store_keep_all(struct ka_store *s) must_check;

/* Gives back the memory of what comes before byte FLOOR of the SIZE bytes that the stream has in all: but not where the
 * rest will lie, nor what a reader still lacks. */
void ka_store_forget(struct ka_store *s, int64_t floor, int64_t size);

/* So many bytes may be added at once. */
#define KA_STORE_SLACK (1 * MIB)
/* Room for the next KA_STORE_SLACK bytes, where they will lie. */
uint8_t *ka_store_space(struct ka_store *s);
/* The bytes up to END are there, in ka_store_space or written through `bytes`: serves the readers. 0 or -errno. */
int ka_store_grown(struct ka_store *s, int64_t end) must_check;
/* No more comes: readers are done once they have everything. */
void ka_store_end(struct ka_store *s);
/* A reader on FD (non-blocking, owned by it from now on) that waits. NULL: no memory; FD is closed then. */
struct ka_reader *ka_reader_add(struct ka_store *s, int fd, void *owner,
				void (*done)(struct ka_reader *r, int err)) must_check;
/* Sends from byte AT on. -ENODATA where that is gone. */
int ka_reader_start(struct ka_reader *r, int64_t at) must_check;
/* Closes and frees it without a word to the owner. */
void ka_reader_drop(struct ka_reader *r);
/* The reader whose address is IP, NULL where none is. STARTED: one that is being served, else one that waits. */
struct ka_reader *ka_reader_find(struct ka_store *s, struct in_addr ip, bool started);

#endif
