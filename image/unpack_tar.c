/* unpack_tar.c - the bytes of a tar archive (V7, ustar, pax, GNU) -> entries of a tree, as they come. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/unpack.h"

#include "image/tar.h"

/* What the next bytes are. */
enum part {
	PART_HEADER,
	PART_META,    /* contents of a header that says more of the next entry */
	PART_OLD_MAP, /* a further block of an old GNU sparse header */
	PART_MAP,     /* the sparse map before the data, pax format 1.0 */
	PART_DATA,    /* a file's contents */
	PART_END,     /* whatever follows the end means nothing */
};

struct tar {
	struct tree *tree;
	enum part part;
	int64_t at;    /* bytes of the archive so far */
	int64_t skip;  /* bytes to pass over first */
	int64_t left;  /* bytes of PART_META, PART_MAP, PART_DATA that still come */
	int zeros;     /* zero blocks in a row */
	int64_t maybe; /* bytes that come before the next header, or do not: a hard link's size, padded */

	struct tar_header header;
	struct buf meta;       /* PART_META */
	struct tar_pax global; /* what goes for all entries */
	struct tar_pax local;  /* for the next one */
	char *long_name, *long_link;

	struct tar_map map; /* of the present file; a plain one is one piece */
	size_t piece;       /* being filled */
	int64_t done;       /* bytes of it */
	/* PART_MAP: how many numbers come, -1: their count comes first; the last one read */
	int64_t numbers, number;
	int64_t map_bytes; /* length of the map so far */
	int64_t real_size;
};

static void *tar_open(struct tree *tree)
{
	struct tar *t = calloc(1, sizeof(*t));

	if (t)
		t->tree = tree;
	return t;
}

static int corrupt(const struct tar *t, int err, const char *what, struct failure *f)
{
	if (err == -ENOMEM)
		return fail(f, FAIL_MEM_TOO_LITTLE, err, "no memory for a header of the tar archive");
	return fail(f, FAIL_IMG_CORRUPT, err, "the tar archive is damaged near byte %lld: %s%s", (long long)t->at, what,
		    err == -E2BIG ? " (too large)" : "");
}

/* Forgets what was said of the entry that is now complete. */
static void forget(struct tar *t)
{
	tar_pax_free(&t->local);
	tar_map_free(&t->map);
	free(t->long_name);
	free(t->long_link);
	t->long_name = t->long_link = NULL;
}

static void tar_close(void *state)
{
	struct tar *t = state;

	forget(t);
	tar_pax_free(&t->global);
	buf_free(&t->meta);
	free(t);
}

/* An owner that no Linux has becomes nobody. */
static uint32_t owner(uint64_t id)
{
	return id < UINT32_MAX ? (uint32_t)id : 65534;
}

/* The length of the data behind the header. */
static int64_t data_size(const struct tar *t)
{
	if (t->local.has_size)
		return t->local.size;
	return t->global.has_size ? t->global.size : t->header.size;
}

/* All that is known of the entry. Its strings belong to T: it is not to be freed. */
static struct entry describe(struct tar *t, enum entry_type type)
{
	const struct tar_pax *p = &t->local, *g = &t->global;
	const struct tar_pax *when = p->has_mtime ? p : g;
	struct entry e = {
		.type = type,
		.mode = t->header.mode,
		.uid = owner(p->has_uid   ? (uint64_t)p->uid
			     : g->has_uid ? (uint64_t)g->uid
					  : t->header.uid),
		.gid = owner(p->has_gid   ? (uint64_t)p->gid
			     : g->has_gid ? (uint64_t)g->gid
					  : t->header.gid),
		.mtime = when->has_mtime ? when->mtime : t->header.mtime,
		.mtime_ns = when->has_mtime ? when->mtime_ns : 0,
		.major = t->header.major,
		.minor = t->header.minor,
		.xattrs = p->attributes.xattrs,
		.xattr_count = p->attributes.xattr_count,
	};

	e.path = p->sparse_name ? p->sparse_name : p->path ? p->path : t->long_name ? t->long_name : t->header.name;
	if (type == ENTRY_LINK || type == ENTRY_SYMLINK)
		e.target = p->link ? p->link : t->long_link ? t->long_link : t->header.link;
	return e;
}

/* ---- headers that say more of the next entry */

static int end_meta(struct tar *t, struct failure *f)
{
	char **name = t->header.type == 'L' ? &t->long_name : &t->long_link;
	int err = 0;

	t->part = PART_HEADER;
	t->skip = TAR_PADDED(t->header.size) - t->header.size;
	switch (t->header.type) {
	case 'L':
	case 'K':
		free(*name);
		*name = strdup(buf_cstr(&t->meta));
		err = *name ? 0 : -ENOMEM;
		break;
	case 'g':
		err = tar_parse_pax(&t->global, buf_cstr(&t->meta), t->meta.len);
		break;
	default:
		err = tar_parse_pax(&t->local, buf_cstr(&t->meta), t->meta.len);
		break;
	}
	return err ? corrupt(t, err, "an extended header", f) : 0;
}

static int begin_meta(struct tar *t, struct failure *f)
{
	bool name = t->header.type == 'L' || t->header.type == 'K';

	t->left = t->header.size;
	if (t->left > (name ? UNPACK_LONGEST_NAME : UNPACK_LARGEST_HEADER))
		return corrupt(t, -E2BIG, "an extended header", f);
	t->part = PART_META;
	t->meta.len = 0;
	return t->left ? 0 : end_meta(t, f);
}

/* ---- files */

static int end_file(struct tar *t, struct failure *f)
{
	int err = tree_end(t->tree, f);

	t->part = PART_HEADER;
	t->skip += TAR_PADDED(data_size(t)) - data_size(t);
	forget(t);
	return err;
}

/* The map is there: do its pieces make up the data that follow? */
static int begin_data(struct tar *t, struct failure *f)
{
	const struct tar_piece *last = t->map.count ? &t->map.piece[t->map.count - 1] : NULL;

	if (t->map.length != t->left || (last && last->offset + last->length > t->real_size))
		return corrupt(t, -EBADMSG, "a sparse file's map does not fit its data", f);
	t->part = PART_DATA;
	t->piece = 0;
	t->done = 0;
	return t->left ? 0 : end_file(t, f);
}

static int begin_file(struct tar *t, struct failure *f)
{
	struct entry e = describe(t, ENTRY_FILE);
	struct tar_pax *p = &t->local;
	int more = 0, err;

	t->left = data_size(t);
	t->real_size = t->left;
	if (t->header.type == 'S')
		t->real_size = t->header.real_size;
	if (p->has_real_size && (p->sparse || p->sparse_in_data || t->header.type == 'S'))
		t->real_size = p->real_size;
	e.size = t->real_size;
	err = tree_add(t->tree, &e, f);
	if (err)
		return err;
	if (p->sparse_in_data) {
		t->part = PART_MAP;
		t->numbers = -1;
		t->map_bytes = 0;
		return 0;
	}
	if (p->sparse) {
		t->map = p->map;
		p->map = (struct tar_map){ 0 };
	} else if (t->header.type != 'S') {
		more = t->left ? tar_map_add(&t->map, 0, t->left) : 0;
	}
	if (more < 0)
		return corrupt(t, more, "a file's size", f);
	return t->header.type == 'S' ? 0 : begin_data(t, f);
}

/* Takes one number of a map that stands before the data. Bytes taken, 0 or -errno. */
static ssize_t feed_map(struct tar *t, const uint8_t *bytes, size_t len, struct failure *f)
{
	int64_t number, pad;
	int n = tar_parse_map_line(bytes, (size_t)MIN((int64_t)len, t->left), &number), err = 0;

	if (n < 0 || (n == 0 && (int64_t)len >= t->left))
		return corrupt(t, -EBADMSG, "a sparse file's map", f);
	if (n == 0)
		return 0;
	t->left -= n;
	t->map_bytes += n;
	if (t->numbers < 0) {
		if (__builtin_mul_overflow(number, 2, &t->numbers))
			return corrupt(t, -E2BIG, "a sparse file's map", f);
	} else {
		t->numbers--;
		if (t->numbers % 2 == 0)
			err = tar_map_add(&t->map, t->number, number);
		t->number = number;
	}
	if (err)
		return corrupt(t, err, "a sparse file's map", f);
	if (t->numbers)
		return n;
	/* The rest of the map's last block is padding, which counts as data. */
	pad = TAR_PADDED(t->map_bytes) - t->map_bytes;
	if (pad > t->left)
		return corrupt(t, -EBADMSG, "a sparse file's map", f);
	t->left -= pad;
	t->skip = pad;
	err = begin_data(t, f);
	return err ? err : n;
}

static ssize_t feed_data(struct tar *t, const uint8_t *bytes, size_t len, struct failure *f)
{
	const struct tar_piece *p;
	size_t n;
	int err;

	while (t->done == t->map.piece[t->piece].length) {
		t->piece++;
		t->done = 0;
	}
	p = &t->map.piece[t->piece];
	n = (size_t)MIN((int64_t)len, p->length - t->done);
	err = tree_write(t->tree, p->offset + t->done, bytes, n, f);
	if (err)
		return err;
	t->done += (int64_t)n;
	t->left -= (int64_t)n;
	err = t->left ? 0 : end_file(t, f);
	return err ? err : (ssize_t)n;
}

/* ---- entries */

static int add(struct tar *t, enum entry_type type, struct failure *f)
{
	struct entry e = describe(t, type);
	int err = tree_add(t->tree, &e, f);

	forget(t);
	return err;
}

/* POSIX.1-2017 pax, "typeflag"; capital letters are GNU's and Solaris'. */
static int begin_entry(struct tar *t, struct failure *f)
{
	switch (t->header.type) {
	case 'x':
	case 'X':
	case 'g':
	case 'L':
	case 'K':
		return begin_meta(t, f);
	/* some bring the file's contents once more, some only its size (pax and cpio of POSIX, libarchive) */
	case '1':
		t->maybe = TAR_PADDED(data_size(t));
		return add(t, ENTRY_LINK, f);
	case '2':
		return add(t, ENTRY_SYMLINK, f);
	case '3':
		return add(t, ENTRY_CHAR, f);
	case '4':
		return add(t, ENTRY_BLOCK, f);
	case '5':
		return add(t, ENTRY_DIR, f);
	case '6':
		return add(t, ENTRY_FIFO, f);
	case 'D': /* a folder with a list of its contents, which is of no use here */
		t->skip = TAR_PADDED(data_size(t));
		return add(t, ENTRY_DIR, f);
	case 'V': /* the archive's name */
		t->skip = TAR_PADDED(data_size(t));
		forget(t);
		return 0;
	case 'M':
		return corrupt(t, -EBADMSG, "it goes on from another volume", f);
	default: /* unknown kinds are files, says POSIX */
		return begin_file(t, f);
	}
}

static ssize_t feed_header(struct tar *t, const uint8_t *bytes, size_t len, struct failure *f)
{
	int64_t maybe;
	int err;

	if (len < TAR_BLOCK)
		return 0;
	maybe = t->maybe;
	t->maybe = 0;
	if (tar_is_zero(bytes)) {
		t->zeros++;
		if (t->zeros == 2)
			t->part = PART_END;
		return TAR_BLOCK;
	}
	t->zeros = 0;
	if (maybe && !tar_is_header(bytes)) {
		t->skip = maybe - TAR_BLOCK;
		return TAR_BLOCK;
	}
	if (!tar_is_header(bytes))
		return corrupt(t, -EBADMSG, "there is no header where one must be", f);
	err = tar_parse_header(&t->header, bytes);
	if (err)
		return corrupt(t, err, "a header's numbers", f);
	err = begin_entry(t, f);
	if (!err && t->header.type == 'S') {
		err = tar_parse_old_sparse(&t->map, bytes, true);
		if (err < 0)
			return corrupt(t, err, "a sparse file's map", f);
		t->part = PART_OLD_MAP;
		err = err ? 0 : begin_data(t, f);
	}
	return err ? err : TAR_BLOCK;
}

static ssize_t feed_old_map(struct tar *t, const uint8_t *bytes, size_t len, struct failure *f)
{
	int more;

	if (len < TAR_BLOCK)
		return 0;
	more = tar_parse_old_sparse(&t->map, bytes, false);
	if (more < 0)
		return corrupt(t, more, "a sparse file's map", f);
	more = more ? 0 : begin_data(t, f);
	return more ? more : TAR_BLOCK;
}

static ssize_t feed_meta(struct tar *t, const uint8_t *bytes, size_t len, struct failure *f)
{
	size_t n = (size_t)MIN((int64_t)len, t->left);
	int err;

	if (buf_add(&t->meta, bytes, n))
		return corrupt(t, -ENOMEM, "", f);
	t->left -= (int64_t)n;
	err = t->left ? 0 : end_meta(t, f);
	return err ? err : (ssize_t)n;
}

static ssize_t feed_part(struct tar *t, const uint8_t *bytes, size_t len, struct failure *f)
{
	size_t n = (size_t)MIN((int64_t)len, t->skip);

	if (n) {
		t->skip -= (int64_t)n;
		return (ssize_t)n;
	}
	switch (t->part) {
	case PART_HEADER:
		return feed_header(t, bytes, len, f);
	case PART_META:
		return feed_meta(t, bytes, len, f);
	case PART_OLD_MAP:
		return feed_old_map(t, bytes, len, f);
	case PART_MAP:
		return feed_map(t, bytes, len, f);
	case PART_DATA:
		return feed_data(t, bytes, len, f);
	default:
		return (ssize_t)len;
	}
}

static ssize_t tar_feed(void *state, const uint8_t *bytes, size_t len, struct failure *f)
{
	struct tar *t = state;
	ssize_t n = feed_part(t, bytes, len, f);

	t->at += MAX(n, 0);
	return n;
}

/* GNU tar writes two zero blocks at the end, and some programs one; with none it may have been cut between two
 * files. */
static int tar_finish(void *state, struct failure *f)
{
	struct tar *t = state;

	if (t->part == PART_END || (t->part == PART_HEADER && t->zeros && !t->skip))
		return 0;
	return fail(f, FAIL_IMG_CORRUPT, -EBADMSG, "the tar archive is cut: it breaks off at byte %lld",
		    (long long)t->at);
}

const struct unpacker unpack_tar = {
	.kind = IMAGE_TAR,
	.open = tar_open,
	.feed = tar_feed,
	.finish = tar_finish,
	.close = tar_close,
};
