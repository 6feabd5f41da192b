/* store.h - verified bytes at their offsets -> a file, a device or memory, from which children are served. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_STORE_H
#define RELAY_STORE_H

#include "base/failure.h"
#include "image/sink.h"
#include "relay/map.h"
#include "relay/world.h"

#include <sys/types.h>

enum rstore_kind {
	RSTORE_SOURCE, /* read only: the head's image */
	RSTORE_FILE,   /* written under a temporary name until it is finished */
	RSTORE_DEVICE, /* a block device, written in place */
	RSTORE_MEMORY, /* a memory file; also what feeds a pipe */
	RSTORE_LENT,   /* somebody else's descriptor, written in place, left open */
};

/* One piece of the image: one file, or one of several where it is split. */
struct rstore_part {
	int fd;
	int64_t start, end; /* offsets of the image this part holds */
	char *path, *temporary;
	int old_fd; /* what the target held before, -1 where nothing */
};

struct rstore {
	enum rstore_kind kind;
	struct rstore_part *part;
	size_t parts;
	int64_t split; /* a target's bytes per part, 0: one part */
	char *path;    /* as it was named */
	bool resumed;  /* something was there before that may hold right chunks */
	int64_t limit; /* a device's size, -1 elsewhere */
	bool force;    /* a device is taken although it is in use */
};

/* How a target is opened. */
struct rstore_target {
	int64_t size;  /* bytes that will come, -1: not known yet */
	int64_t split; /* in parts of so many bytes, 0: one */
	bool force;    /* also a device that is mounted or used otherwise */
};

/* Opens the image to send: PATH, or PATH_0, PATH_1 ... where SPLIT is set. *SIZE is what they hold together.
 * 0 or -errno with F filled (FAIL_SRV_NOT_FOUND ...). */
int rstore_open_source(struct rstore *s, const char *path, bool split, int64_t *size, struct failure *f) must_check;

/* Opens the target PATH, HOW it is said. A block device must be large enough and not in use. A file is written as
 * ".NAME.part" beside it until rstore_finish, then has the old one's owner and mode; a link is followed. A file that
 * has other names, is a mount point, lies in a folder that takes no new file, or where both have no room is written
 * where it lies, with a warning. 0 or -errno with F filled (FAIL_IMG_STORE). */
int rstore_open_target(struct rstore *s, const char *path, const struct rstore_target *how,
		       struct failure *f) must_check;

/* Once the first bytes are written to a device: are its sectors of the size that the image's partition table (GPT)
 * counts in? 0, or -EINVAL with F. */
int rstore_check_sectors(struct rstore *s, struct failure *f) must_check;

/* A memory file. */
int rstore_open_memory(struct rstore *s, struct failure *f) must_check;

/* FD of somebody else, readable and writable at offset 0 and up; stays theirs. 0 or -ENOMEM. */
int rstore_lend(struct rstore *s, int fd) must_check;

/* Writes, or reads, LEN bytes at OFFSET. 0 or -errno (-EIO where there are fewer to read). */
int rstore_write(struct rstore *s, int64_t offset, const void *bytes, size_t len) must_check;
int rstore_read(struct rstore *s, int64_t offset, void *bytes, size_t len) must_check;
/* The same from what the target held before. -ENOENT where nothing is. */
int rstore_read_old(struct rstore *s, int64_t offset, void *bytes, size_t len) must_check;

/* Copies LEN bytes at OFFSET into the sink TO. 0 or -errno with F. */
int rstore_to_sink(struct rstore *s, int64_t offset, int64_t len, struct sink *to, struct failure *f) must_check;
/* Copies what lies from *AT up to END into TO, but for 20 ms at a time: however slow unpacking is, the connections get
 * their turn. *AT moves along; call it again, later, while it is below END. 0 or -errno with F. */
int rstore_feed_sink(struct rstore *s, int64_t *at, int64_t end, struct sink *to, struct failure *f) must_check;

/* Sends at most LEN bytes at OFFSET to SOCKET, of the world of L: bytes sent, or -errno. */
ssize_t rstore_send(struct rstore *s, struct loop *l, int socket, int64_t offset, size_t len);

/* Cuts or extends the target to SIZE and waits until it is on the medium. May take minutes on a slow disk: a program
 * with an event loop calls it in a child process. 0 or -errno. */
int rstore_sync(struct rstore *s, int64_t size) must_check;
/* The target is complete: cut or extended to SIZE, under its own name. 0 or -errno with F. */
int rstore_finish(struct rstore *s, int64_t size, struct failure *f) must_check;

/* Closes everything. KEEP: an unfinished temporary file stays, for the next attempt to go on from. */
void rstore_close(struct rstore *s, bool keep);

#endif
