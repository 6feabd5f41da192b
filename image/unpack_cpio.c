/* unpack_cpio.c - the bytes of a cpio archive (newc, crc) -> entries of a tree, as they come. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/unpack.h"

#include "image/cpio.h"
#include "image/links.h"

#include <sys/stat.h>

/* Header with name, and contents, each fill up to a multiple of this. */
#define ALIGN      4
#define PADDING(n) ((ALIGN - (n) % ALIGN) % ALIGN)

struct cpio {
	struct tree *tree;
	enum { CPIO_HEADER_PART, CPIO_DATA_PART, CPIO_LINK_PART } part;
	int64_t at;         /* bytes of the archive so far */
	int64_t skip;       /* bytes to pass over first */
	int64_t left, done; /* of the present contents */
	bool ended;         /* the last entry is there; only zeros or another archive may follow */
	struct cpio_header header;
	uint32_t sum;
	struct entry entry; /* the present one */
	struct buf target;  /* CPIO_LINK_PART: what the symlink says */
	struct links links; /* files with names still to come */
};

static void *cpio_open(struct tree *tree)
{
	struct cpio *c = calloc(1, sizeof(*c));

	if (c)
		c->tree = tree;
	return c;
}

static void cpio_close(void *state)
{
	struct cpio *c = state;

	links_free(&c->links);
	entry_free(&c->entry);
	buf_free(&c->target);
	free(c);
}

static int corrupt(const struct cpio *c, const char *what, struct failure *f)
{
	return fail(f, FAIL_IMG_CORRUPT, -EBADMSG, "the cpio archive is damaged near byte %lld: %s", (long long)c->at,
		    what);
}

static int no_memory(struct failure *f)
{
	return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory for an entry of the cpio archive");
}

/* A file with several names: the first name makes it, the others are links to it; any of them brings the contents.
 * 0: this is a further name and was linked; 1: make it; -errno. */
static int link_name(struct cpio *c, struct failure *f)
{
	const struct cpio_header *h = &c->header;
	struct entry e = c->entry;
	const char *first;

	if (links_first(&c->links, (uint64_t)h->dev_major << 32 | h->dev_minor, h->ino, h->nlink, e.path, &first))
		return no_memory(f);
	e.type = ENTRY_LINK;
	e.target = (char *)first;
	return first ? tree_add(c->tree, &e, f) : 1;
}

static int end_data(struct cpio *c, struct failure *f)
{
	int err = tree_end(c->tree, f);

	c->part = CPIO_HEADER_PART;
	c->skip += PADDING(c->done);
	if (!err && c->header.summed && c->sum != c->header.check)
		err = corrupt(c, "a file's sum is wrong", f);
	entry_free(&c->entry);
	return err;
}

static int begin_file(struct cpio *c, struct failure *f)
{
	int make = c->header.nlink > 1 ? link_name(c, f) : 1, err;

	if (make < 0)
		return make;
	if (!make && c->left == 0) {
		entry_free(&c->entry);
		return 0;
	}
	err = make ? tree_add(c->tree, &c->entry, f) : tree_open_again(c->tree, &c->entry, f);
	if (err)
		return err;
	c->part = CPIO_DATA_PART;
	return c->left ? 0 : end_data(c, f);
}

static int begin_entry(struct cpio *c, struct failure *f)
{
	int err;

	switch (c->header.mode & S_IFMT) {
	case S_IFREG:
		c->entry.type = ENTRY_FILE;
		return begin_file(c, f);
	case S_IFLNK:
		c->entry.type = ENTRY_SYMLINK;
		if (c->left == 0 || c->left > UNPACK_LONGEST_NAME)
			return corrupt(c, "a symlink of that length", f);
		c->part = CPIO_LINK_PART;
		c->target.len = 0;
		return 0;
	case S_IFDIR:
		c->entry.type = ENTRY_DIR;
		break;
	case S_IFCHR:
		c->entry.type = ENTRY_CHAR;
		break;
	case S_IFBLK:
		c->entry.type = ENTRY_BLOCK;
		break;
	case S_IFIFO:
		c->entry.type = ENTRY_FIFO;
		break;
	case S_IFSOCK:
		c->entry.type = ENTRY_SOCKET;
		break;
	default:
		return corrupt(c, "an entry of no known type", f);
	}
	if (c->left)
		return corrupt(c, "contents of something that has none", f);
	err = tree_add(c->tree, &c->entry, f);
	entry_free(&c->entry);
	return err;
}

/* Behind the last entry: zeros up to a block's end, or another archive, as the kernel takes them. What else there is,
 * is for somebody else. */
static ssize_t feed_end(struct cpio *c, const uint8_t *bytes, size_t len)
{
	size_t n = 0;

	while (n < len && bytes[n] == 0)
		n++;
	if (n)
		return (ssize_t)n;
	c->ended = bytes[0] != '0';
	return 0;
}

static ssize_t feed_header(struct cpio *c, const uint8_t *bytes, size_t len, struct failure *f)
{
	const char *name = (const char *)bytes + CPIO_HEADER;
	struct cpio_header *h = &c->header;
	size_t whole;
	int err;

	if (len < CPIO_HEADER)
		return 0;
	if (cpio_parse_header(h, bytes))
		return corrupt(c, "there is no header where one must be", f);
	if (h->name_size == 0 || h->name_size > UNPACK_LONGEST_NAME)
		return corrupt(c, "a name of that length", f);
	whole = CPIO_HEADER + h->name_size;
	if (len < whole)
		return 0;
	if (name[h->name_size - 1]) /* more NULs than one put the contents where a disk's blocks begin */
		return corrupt(c, "a name without end", f);
	c->skip = (int64_t)PADDING(whole);
	if (streq(name, "TRAILER!!!")) {
		c->ended = true;
		links_free(&c->links);
		return (ssize_t)whole;
	}
	c->left = h->size;
	c->done = 0;
	c->sum = 0;
	entry_free(&c->entry);
	c->entry = (struct entry){
		.path = strdup(name),
		.mode = h->mode & 07777,
		.uid = h->uid,
		.gid = h->gid,
		.size = h->size,
		.mtime = h->mtime,
		.major = h->major,
		.minor = h->minor,
	};
	err = c->entry.path ? begin_entry(c, f) : no_memory(f);
	return err ? err : (ssize_t)whole;
}

static ssize_t feed_data(struct cpio *c, const uint8_t *bytes, size_t len, struct failure *f)
{
	size_t n = (size_t)MIN((int64_t)len, c->left), i;
	int err = tree_write(c->tree, c->done, bytes, n, f);

	if (err)
		return err;
	for (i = 0; c->header.summed && i < n; i++)
		c->sum += bytes[i];
	c->done += (int64_t)n;
	c->left -= (int64_t)n;
	err = c->left ? 0 : end_data(c, f);
	return err ? err : (ssize_t)n;
}

static ssize_t feed_link(struct cpio *c, const uint8_t *bytes, size_t len, struct failure *f)
{
	size_t n = (size_t)MIN((int64_t)len, c->left);
	int err;

	if (buf_add(&c->target, bytes, n))
		return no_memory(f);
	c->left -= (int64_t)n;
	c->done += (int64_t)n;
	if (c->left)
		return (ssize_t)n;
	c->part = CPIO_HEADER_PART;
	c->skip += PADDING(c->done);
	c->entry.target = strdup(buf_cstr(&c->target));
	err = c->entry.target ? tree_add(c->tree, &c->entry, f) : no_memory(f);
	entry_free(&c->entry);
	return err ? err : (ssize_t)n;
}

static ssize_t feed_part(struct cpio *c, const uint8_t *bytes, size_t len, struct failure *f)
{
	size_t n = (size_t)MIN((int64_t)len, c->skip);
	ssize_t used;

	if (n) {
		c->skip -= (int64_t)n;
		return (ssize_t)n;
	}
	if (c->part == CPIO_DATA_PART)
		return feed_data(c, bytes, len, f);
	if (c->part == CPIO_LINK_PART)
		return feed_link(c, bytes, len, f);
	used = c->ended ? feed_end(c, bytes, len) : 0;
	return used || c->ended ? used : feed_header(c, bytes, len, f);
}

static ssize_t cpio_feed(void *state, const uint8_t *bytes, size_t len, struct failure *f)
{
	struct cpio *c = state;
	ssize_t n = feed_part(c, bytes, len, f);

	c->at += MAX(n, 0);
	return n;
}

static bool cpio_ended(void *state)
{
	return ((struct cpio *)state)->ended;
}

static int cpio_finish(void *state, struct failure *f)
{
	struct cpio *c = state;

	if (c->ended)
		return 0;
	return fail(f, FAIL_IMG_CORRUPT, -EBADMSG, "the cpio archive is cut: it breaks off at byte %lld",
		    (long long)c->at);
}

const struct unpacker unpack_cpio = {
	.kind = IMAGE_CPIO,
	.open = cpio_open,
	.feed = cpio_feed,
	.ended = cpio_ended,
	.finish = cpio_finish,
	.close = cpio_close,
};
