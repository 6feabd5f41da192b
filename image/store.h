/* store.h - what every place for an image does, behind the sink: room in, bytes kept. One file store_*.c each. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_STORE_H
#define IMAGE_STORE_H

#include "image/image.h"

#include <sys/types.h>

/* All return 0 or -errno with F filled; the order of calls is that of struct sink. */
struct store_ops {
	/* At least EXPECTED bytes will come (-1: unknown). Refuses what does not fit into the place. */
	int (*begin)(struct store *s, int64_t expected, struct failure *f);
	/* Makes a window in which at least one byte is free. */
	int (*open_window)(struct store *s, struct failure *f);
	/* The window's filled bytes are kept; it may stay for the rest. */
	int (*close_window)(struct store *s, struct failure *f);
	/* The SIZE bytes of FD, a file in memory, become the contents, without a copy. NULL: this place needs one. */
	int (*take)(struct store *s, int fd, int64_t size, struct failure *f);
	/* As struct sink has it: bytes may be filled in where they stay, in the file. NULL: they may not. */
	int (*revoke)(struct store *s, struct failure *f);
	/* Everything is there: written, durable, under its own name. */
	int (*finish)(struct store *s, struct failure *f);
	/* Forgets all bytes. */
	int (*restart)(struct store *s, struct failure *f);
	/* Gives back what store_close does not know of. May be NULL. */
	void (*close)(struct store *s);
	/* Bytes may go from a socket to fd by splice(2). */
	bool splices;
};

/* The bytes are somebody else's, and only read: store_use opened it. */
static inline bool store_in_place(const struct store *s)
{
	return !s->ops;
}

/* Room for the next bytes, then USED of them are filled, as in struct sink. */
int store_reserve(struct store *s, void **space, size_t *room, struct failure *f) must_check;
int store_commit(struct store *s, size_t used, struct failure *f) must_check;

/* Moves up to MAX bytes from the socket FD into the store inside the kernel. Bytes moved, 0 at the stream's end,
 * -EAGAIN while none are there, -EOPNOTSUPP where this store or kernel cannot; other -errno, with F where the store
 * failed. */
ssize_t store_pull(struct store *s, int fd, size_t max, struct failure *f) must_check;

/* The first bytes of what is stored. Bytes read (less than LEN at the end) or -errno. */
ssize_t store_read_head(struct store *s, uint8_t *head, size_t len) must_check;

/* The last LEN bytes of what is stored, in a store that store_pull moved bytes to. 0 or -errno. */
int store_read_last(struct store *s, uint8_t *bytes, size_t len) must_check;

/* The sink that fills S, with nothing before it: image_sink() and root_sink() put the decompressors there. With
 * LOOK_AT_IT set, what cannot be mounted is refused. MEMORY as for image_sink. NULL when memory ran out. */
struct sink *store_sink(struct store *s, bool look_at_it, int64_t memory);

/* Mounts an empty tree at TARGET where the bytes of S would lie, in memory (at most MEMORY bytes but what is kept for
 * the machine; -1: all) or as a new ext4 on its ramdisk, and says so in S->tree. LOAD and CTX as for image_mount. 0 or
 * -errno with F. */
int store_make_tree(struct store *s, const char *target, int64_t memory, image_load_module_fn *load, void *ctx,
		    struct failure *f) must_check;

/* A store of KIND with nothing open; for the open functions. */
void store_init(struct store *s, enum store_kind kind, const struct store_ops *ops);

/* For stores that write by write(2): a window of plain memory, and writing all of it at its place. ALIGN: the length is
 * filled up with zeros to a multiple of it. */
#define STORE_BUFFER (256 * 1024)
int store_open_buffer(struct store *s, struct failure *f) must_check;
int store_write_buffer(struct store *s, size_t align, struct failure *f) must_check;

#endif
