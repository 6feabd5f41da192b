/* transfer.h - pieces of one file, from connection after connection -> the sink, never two versions of it mixed. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_RETRIEVE_TRANSFER_H
#define METHODS_RETRIEVE_TRANSFER_H

#include "methods/method.h"
#include "methods/retrieve/stream.h"

/* How many of the bytes that are there already are asked for again when a transfer is resumed: they must come out the
 * same. Servers tell versions apart by a time in seconds, and an image may be written twice in one. */
#define TRANSFER_OVERLAP 4096

/* How often a file may turn out to be another one before the transfer gives up. */
#define TRANSFER_CHANGES_MAX 4

/* What tells one version of a file from another. */
struct version {
	int64_t size;         /* bytes; -1 while the server does not say */
	bool rough;           /* SIZE may be wrong: too small by any count, too large by a block at most */
	const char *tag;      /* equal tags of one server mean equal bytes (ETag); NULL where there is none */
	const char *modified; /* time of the last change, as the server writes it; NULL where there is none */
};

/* A file on its way. Others than transfer.c read it, and write only where said. */
struct transfer {
	const struct fetch *fetch; /* set by the caller */
	int64_t timeout_ms;        /* how long a server may be silent; set by the caller */
	int64_t done;              /* bytes the sink has */
	struct version version;    /* of those bytes; strings owned */
	const void *origin;        /* the mirror that the version's tag is of */
	bool begun;                /* the sink has had its begin */
	unsigned changes;          /* how often the file turned out to be another one */
	bool in_pieces;            /* those bytes came over more than one connection */
	bool no_resume;            /* partial answers are not to be trusted here; set by protocols */
	int64_t retry_after_ms;    /* a server's own wish, -1 where none; set by protocols */
	char *moved;               /* URL where a redirection found the file, tried first to resume; set by protocols */
	char *what;                /* what is being read, for words: a URL */

	/* transfer.c's own */
	char *tag, *modified;           /* the strings of version */
	uint8_t tail[TRANSFER_OVERLAP]; /* the last bytes the sink got */
	size_t tail_len;
	bool tail_in_sink;               /* they went by unseen: the sink can read them back */
	uint8_t check[TRANSFER_OVERLAP]; /* bytes that come again, to be compared with the tail */
	size_t check_len, check_want;    /* how many are there, how many have to be */
	uint8_t *space;                  /* what the sink reserved */
	uint8_t *head;                   /* the first bytes of a file whose size is unknown */
	size_t head_len;
	bool doubted;                   /* a second look has thrown away a file */
	int64_t shown_ms;               /* when progress was shown last */
	int64_t window_ms, window_done; /* beginning of the time over which the rate is watched, bytes since */
};

/* Where the next connection should begin, 0: at the beginning. MIRROR says whom is asked. */
int64_t transfer_offset(struct transfer *t, const void *mirror);

/* A server (MIRROR) is about to send the bytes of version V from OFFSET, which is 0 or what transfer_offset said; WHAT
 * names them. Begins or restarts the sink as needed. 0, or -errno with F: FAIL_SRV_CHANGED when V is not the version of
 * the bytes that are there (the next connection has to begin at 0) or changes too often, or the sink's failure. */
int transfer_begin(struct transfer *t, const void *mirror, int64_t offset, const struct version *v, const char *what,
		   struct failure *f) must_check;

/* Room for the next bytes, and how many came, as struct sink has it. Bytes that come again never reach the sink. */
int transfer_reserve(struct transfer *t, void **space, size_t *room, struct failure *f) must_check;
int transfer_commit(struct transfer *t, size_t used, struct failure *f) must_check;

/* The next bytes are to be what the file *FD has from *AT on, as struct sink's lend has it. 0 or -EOPNOTSUPP. */
int transfer_lend(struct transfer *t, int *fd, int64_t *at) must_check;

/* Who should have filled the lent room may still do so: see struct sink's revoke. 0 or -errno with F. */
int transfer_revoke(struct transfer *t, struct failure *f) must_check;

/* Waits for bytes and moves up to MAX of them from S into the sink, inside the kernel where that can be done. Bytes
 * moved, 0 at the end of the stream, or -errno with F, where F->id is FAIL_NONE when it is S that failed. */
ssize_t transfer_carry(struct transfer *t, struct stream *s, size_t max, struct failure *f) must_check;

/* Copies LEN bytes in. */
int transfer_write(struct transfer *t, const void *bytes, size_t len, struct failure *f) must_check;

/* The connection failed with ERR while the bytes came (-ENODATA: it ended); returns it with F filled. */
int transfer_broken(const struct transfer *t, int err, struct failure *f);

/* The server says in WORDS that this was not all. -ENODATA with F filled (FAIL_SRV_SHORT). */
int transfer_ended(const struct transfer *t, const char *words, struct failure *f);

/* The connection brings no more. DELIMITED: the server marked the end, and this was it; otherwise the connection just
 * closed. 0 when the file is whole, else -errno with F (FAIL_SRV_SHORT). */
int transfer_end(struct transfer *t, bool delimited, struct failure *f) must_check;

/* The server shows that the bytes that are there are of another version: forgets them, counts, and returns -ESTALE with
 * F filled (FAIL_SRV_CHANGED). */
int transfer_changed(struct transfer *t, struct failure *f);

/* The same: more bytes come than were announced, as of a file that is being written. That was its one doubt: the next
 * time what is announced and comes is the file, though it has grown again meanwhile. */
int transfer_longer(struct transfer *t, struct failure *f);

/* True when all bytes that were announced are here. False where none were. */
bool transfer_is_whole(const struct transfer *t);

/* True when the bytes that came will be told from another file's: by a sum. */
bool transfer_has_sum(const struct transfer *t);

/* All bytes are here, and a second look shows another version. Once that means that they are of no use; when they came
 * again, they are the file: what cannot be told apart is not asked for ever. 0, or as transfer_changed. */
int transfer_doubted(struct transfer *t, struct failure *f);

/* What came so far is of no use: the next connection begins at 0. */
void transfer_forget(struct transfer *t);

void transfer_free(struct transfer *t);

#endif
