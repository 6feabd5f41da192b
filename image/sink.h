/* sink.h - where a method's bytes go: one contract for memory, ramdisk, file, and the decompressors before them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_SINK_H
#define IMAGE_SINK_H

#include "base/failure.h"

#include <sys/types.h>

struct sink_shortcuts;

/* A place for one stream of bytes. The method calls begin once per file, then reserve and commit again and again, then
 * finish; or restart to throw away what came and begin again (a different version of the file). All return 0 or
 * -errno with F filled. */
struct sink {
	/* SIZE bytes will come (-1: unknown), not fewer and not more. Refuses what cannot fit, with the numbers, before
	 * a byte is moved. */
	int (*begin)(struct sink *s, int64_t size, struct failure *f);
	/* Room for the next bytes: *SPACE of *ROOM bytes (at least 1, usually 64 KiB or more), valid until commit.
	 * Reading from a socket straight into it is the one copy there is. */
	int (*reserve)(struct sink *s, void **space, size_t *room, struct failure *f);
	/* USED of the reserved bytes are filled. */
	int (*commit)(struct sink *s, size_t used, struct failure *f);
	/* The stream is complete; nothing may follow. Checks what can only be checked at the end. */
	int (*finish)(struct sink *s, struct failure *f);
	/* Forgets all bytes; the next call is begin. */
	int (*restart)(struct sink *s, struct failure *f);
	void (*free)(struct sink *s);
	/* What it can do more cheaply; NULL: nothing. Reached by the calls below only. */
	const struct sink_shortcuts *shortcuts;
};

/* ---- the second layer: what a sink may offer. Those that belong together are one struct, given whole or not at all.
 * Each may refuse with -EOPNOTSUPP, nothing being changed then. */

struct sink_pulling {
	/* Moves up to MAX bytes from the socket or pipe FD inside the kernel, which is cheaper than reserve, read and
	 * commit where the sink need not see the bytes. As sink_pull. */
	ssize_t (*pull)(struct sink *s, int fd, size_t max, struct failure *f);
	/* As sink_last. */
	int (*last)(struct sink *s, void *bytes, size_t len);
};

struct sink_lending {
	/* As sink_lend. */
	int (*lend)(struct sink *s, int *fd, int64_t *at);
	/* As sink_revoke. */
	int (*revoke)(struct sink *s, struct failure *f);
};

struct sink_taking {
	/* As sink_take, but that begin has not been called. */
	int (*take)(struct sink *s, int fd, int64_t size, struct failure *f);
	/* As sink_may_take. */
	int (*may_take)(struct sink *s, int fd, int64_t so_far, struct failure *f);
};

struct sink_shortcuts {
	const struct sink_pulling *pulling; /* NULL: none of it; likewise below */
	const struct sink_lending *lending;
	const struct sink_taking *taking;
	/* The LEN bytes at OFFSET of the file FD come next. As sink_copy. */
	int (*copy)(struct sink *s, int fd, int64_t offset, int64_t len, struct failure *f);
	/* As sink_rest. */
	ssize_t (*rest)(struct sink *s, const uint8_t **bytes);
};

/* ---- calls for those who have bytes */

/* Copies LEN bytes in by reserve and commit. */
int sink_write(struct sink *s, const void *bytes, size_t len, struct failure *f) must_check;

/* Copies the LEN bytes at OFFSET of the file FD in, straight into the reserved room. */
int sink_copy(struct sink *s, int fd, int64_t offset, int64_t len, struct failure *f) must_check;

/* The next bytes are to be what the file *FD has from *AT on: another process that has it may fill it there, as far as
 * the size that begin was told, before they are reserved and committed. 0 or -EOPNOTSUPP. */
int sink_lend(struct sink *s, int *fd, int64_t *at) must_check;
/* Who filled what was lent had to be left behind, and the kernel may still write for it: what is committed stays, in
 * memory that is nobody else's. 0 or -errno with F. */
int sink_revoke(struct sink *s, struct failure *f) must_check;

/* All SIZE bytes lie in FD already, a file in memory (memfd) whose contents do not change any more: they are kept as
 * they lie, without a copy. Nothing but finish may follow. 0; -EOPNOTSUPP with nothing changed and F untouched where
 * the sink has to see the bytes (compressed, another place than memory): begin, then give them by sink_write; other
 * -errno with F. FD stays the caller's. */
int sink_take(struct sink *s, int fd, int64_t size, struct failure *f) must_check;
/* Will sink_take be able to take FD, which still fills: its first SO_FAR bytes are there, at least IMAGE_HEAD? Asked
 * again as it grows. 0: so far yes; -EOPNOTSUPP with nothing changed: no, give it by commit; other -errno with F:
 * neither way, it is no image or takes more memory than there is. */
int sink_may_take(struct sink *s, int fd, int64_t so_far, struct failure *f) must_check;

/* Moves up to MAX bytes (at least 1) that wait in the socket or pipe FD into the sink inside the kernel, unseen. Bytes
 * moved, 0 at the end of the stream, -EAGAIN while none are there (wait for POLLIN), -EOPNOTSUPP where they have to be
 * read; other -errno with F, where F->id is FAIL_NONE when it is FD that failed (-ECONNRESET...) and the caller knows
 * the words. */
ssize_t sink_pull(struct sink *s, int fd, size_t max, struct failure *f) must_check;
/* An archive has ended, and another may follow that is compressed another way. The count of bytes that came behind the
 * end, *BYTES, which are the caller's now, and good until the next call; -1 while the end is not there, or where
 * nothing may follow. */
ssize_t sink_rest(struct sink *s, const uint8_t **bytes) must_check;

/* Reads back the last LEN of the bytes that came, as they came; works once sink_pull has moved some. 0 or -errno. */
int sink_last(struct sink *s, void *bytes, size_t len) must_check;

#endif
