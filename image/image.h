/* image.h - the arrow "source -> image -> root": bytes -> a store -> a recognised image -> a mounted tree. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "base/buf.h"
#include "base/watch.h"
#include "image/sink.h"

/* What the content says it is. */
enum image_kind {
	IMAGE_UNKNOWN,
	IMAGE_SQUASHFS,
	IMAGE_EROFS,
	IMAGE_EXT, /* ext2, ext3, ext4 */
	IMAGE_ISO9660,
	IMAGE_GZIP, /* compressed: something else is inside */
	IMAGE_XZ,
	IMAGE_ZSTD,
	IMAGE_TAR,
	IMAGE_CPIO,
};

/* The bytes from offset 0 that recognition looks at; fewer are enough for most kinds. */
#define IMAGE_HEAD 36864

/* Recognises by content. LEN may be anything. SIZE is filled with the size the image's own header claims, in bytes, -1
 * where it does not say. Pure: reads HEAD only. */
enum image_kind image_recognise(const uint8_t *head, size_t len, int64_t *size);

/* "squashfs", "ext4" ...; also the name to mount it by. */
const char *image_kind_name(enum image_kind kind);

/* Adds to WORDS what a file that is IMAGE_UNKNOWN looks like: "it is empty", "it looks like a zip archive", "it is
 * text: ...". 0 or -ENOMEM. Pure. */
int image_describe_unknown(struct buf *words, const uint8_t *head, size_t len);

/* Recognises an image that can be mounted: *KIND and *CLAIMED as above. 0, or -EMEDIUMTYPE with F (FAIL_IMG_UNKNOWN:
 * what it is instead). */
int image_check(const uint8_t *head, size_t len, enum image_kind *kind, int64_t *claimed, struct failure *f) must_check;

/* What programs that write a disc append to it, in bytes, and others cut away again. */
#define IMAGE_ISO_PADDING (150 * 2048)

/* Does an image that claims CLAIMED bytes (-1: does not say) fit into the SIZE bytes that are there? An ISO may lack
 * its padding; image_look tells whether that is all. 0, or -EBADMSG with F (FAIL_IMG_CORRUPT). */
int image_check_size(enum image_kind kind, int64_t claimed, int64_t size, struct failure *f) must_check;

/* Where an image lies. */
enum store_kind { STORE_MEMORY, STORE_RAMDISK, STORE_FILE };

struct store {
	enum store_kind kind;
	int fd; /* the bytes, readable from offset 0; owned */
	/* "/dev/ram3", the file's path, or for memory "/proc/self/fd/N" or the file on tmpfs; owned */
	char *path;
	int64_t size; /* bytes that came */

	/* The rest is the stores' own (image/store.h). */
	const struct store_ops *ops;
	uint8_t *window;   /* where the next bytes are written; NULL: none */
	size_t window_len; /* bytes mapped there */
	size_t filled;     /* bytes of it that are filled */
	int64_t window_at; /* where in the image it begins */
	int64_t capacity;  /* the most bytes it can hold; -1: unknown */
	int write_fd;      /* written by; -1: fd */
	int pipe[2];       /* between a socket and the file; -1: not there yet */
	char *unfinished;  /* the temporary name; NULL: none */
	char *mounted;     /* the tmpfs mounted for it; NULL: none */
	char *tree;        /* where files lie instead, a mount (root_sink, image_copy_tree); NULL: there is an image */
};

/* Opens a place for an image.
 * memory:  a file on a tmpfs of its own, mounted on the directory DIR, which is made when it is not there (stage1:
 *          IMAGE_DIR; needs root), or a memfd where DIR is NULL.
 * ramdisk: /dev/ramN, NUMBER is N, LIMIT_KIB the ramdisk_size= (-1: what the device holds); brd must be loaded.
 * device:  any block device that nothing else uses, likewise.
 * file:    PATH, written under a temporary name and renamed by the sink's finish; something that is no regular file
 *          (a pipe, /dev/null) is written as it is.
 * 0 or -errno with F filled (FAIL_IMG_STORE). */
int store_open_memory(struct store *s, const char *dir, struct failure *f) must_check;
int store_open_ramdisk(struct store *s, unsigned number, int64_t limit_kib, struct failure *f) must_check;
int store_open_device(struct store *s, const char *path, int64_t limit_kib, struct failure *f) must_check;
int store_open_file(struct store *s, const char *path, struct failure *f) must_check;

/* An image that is already there, a file or a block device, as a store that is only read: to mount it in place. */
int store_use(struct store *s, const char *path, struct failure *f) must_check;

/* Reads all of S through and compares its SHA-256 with SHA256_HEX, showing progress on W (which may be NULL). S->fd is
 * what was read, whatever happens to names meanwhile. 0 or -errno with F (FAIL_IMG_DIGEST, FAIL_CMD_BAD_VALUE for a sum
 * that is none, FAIL_MED_READ). */
int store_verify(struct store *s, const char *sha256_hex, struct watch *w, struct failure *f) must_check;

/* Gives everything back; an unfinished file is removed, a memory image that nothing uses is freed. */
void store_close(struct store *s);

/* The sink in front of a store: looks at the first bytes, takes gz, xz and zstd off as they stream in, keeps the
 * rest. With RAW set nothing is taken off or looked at (stage1-fetch). MEMORY_AVAILABLE (bytes, -1: do not check)
 * limits what it accepts before and while it comes; memory_reserve() of it stays free. SHA256_HEX (NULL: do not
 * check) is the sum of the bytes as they come, checked by finish: until then what is compressed or an archive stays in
 * memory as it came, and no decoder looks at it. Free it with its free call; the store stays. NULL
 * when memory ran out. */
struct sink *image_sink(struct store *s, bool raw, int64_t memory_available, const char *sha256_hex);

/* Loads a kernel module by name; given by the flow (probe_module), may be NULL. */
typedef int image_load_module_fn(void *ctx, const char *name);

/* Of S, an image_sink, root_sink or unpack_sink: exactly SIZE bytes have to come; what announces more is
 * refused before a byte is moved. Before its begin. SIZE -1: any number. */
void image_sink_expect(struct sink *s, int64_t size);

/* The sink in front of whatever a root is made of: an image goes into the store S, as by image_sink; a tar or cpio
 * archive, compressed or not, is unpacked at TARGET (which exists) as it comes: into a tmpfs where S is memory, into a
 * new ext4 file system where S is a ramdisk. image_mount(S, ..., TARGET) makes the root of either; without it
 * store_close throws the tree away. TARGET must stay valid. LOAD and CTX as for image_mount. */
struct sink *root_sink(struct store *s, const char *target, image_load_module_fn *load, void *ctx, int64_t memory,
		       const char *sha256_hex);

/* A sink that unpacks a tar or cpio archive, plain or gz, xz, zstd compressed, into the folder ROOT_FD as it comes. No
 * path leaves that folder. MEMORY and SHA256_HEX as above; the sum is known at the end only, so nothing unpacked is to
 * be used before finish succeeded. NULL when memory ran out. */
struct sink *unpack_sink(int root_fd, int64_t memory, const char *sha256_hex);

/* MemAvailable of /proc/meminfo, in bytes; -1 when it cannot be told. */
int64_t memory_available(void);

/* The same of the file's text. Pure. */
int64_t memory_parse(const char *text);

/* What is never given to an image, so that the machine can go on: 16 MiB, or a twentieth where that is more. */
int64_t memory_reserve(int64_t available);

/* Where a node keeps what its root is made of. /run goes along into the next system, and these with it, whatever
 * becomes of the initramfs:
 *   media   the medium or export that the image or tree is used on, while it is needed
 *   iso     the ISO file on it that holds the image
 *   image   tmpfs of the memory store: the image itself
 *   lower   the image, mounted read-only (ROOT_OVERLAY)
 *   upper   tmpfs: "data" holds what was changed, "work" is overlayfs' own (ROOT_OVERLAY) */
#define IMAGE_RUN   "/run/stage1"
#define IMAGE_MEDIA IMAGE_RUN "/media"
#define IMAGE_ISO   IMAGE_RUN "/iso"
#define IMAGE_DIR   IMAGE_RUN "/image"
#define IMAGE_LOWER IMAGE_RUN "/lower"
#define IMAGE_UPPER IMAGE_RUN "/upper"

/* How the root is made of the image. */
enum root_mode {
	ROOT_OVERLAY, /* the image below, memory above: at most half of what is free once the image is there */
	ROOT_RW,      /* an ext image in memory or a ramdisk, mounted as it is and written to */
	ROOT_RO,      /* the image, mounted as it is */
};

/* Recognises what is in S, checks that no image claims more bytes than there are, and that what is used where it lies
 * need neither be unpacked nor have its journal replayed. Of a device that is an image S->size becomes the image's. 0
 * or -errno with F (FAIL_IMG_UNKNOWN, _CORRUPT, _MOUNT, FAIL_CMD_BAD_VALUE). */
int image_look(struct store *s, enum image_kind *kind, struct failure *f) must_check;

/* Recognises what is in S, checks that no image claims more bytes than there are, attaches it to a loop device where
 * needed and mounts it at TARGET as MODE says. The journal of an ext in memory or a ramdisk is replayed, however it is
 * mounted. Where it holds no system but an image (live media), that is mounted from it, three deep at most. TARGET
 * exists; where an archive was unpacked there it is the root already and can be written to, or not where MODE is
 * ROOT_RO. S may be closed then: what is mounted stays. 0 or -errno with F (FAIL_IMG_UNKNOWN, _CORRUPT, _MOUNT,
 * FAIL_ROOT_ASSEMBLE). */
int image_mount(struct store *s, enum root_mode mode, const char *target, image_load_module_fn *load, void *ctx,
		struct failure *f) must_check;

/* The folder PATH, a whole tree on a server or a disk, becomes the root at TARGET as MODE says; it stays where it is.
 * What PATH is on may be mounted without devices and programs: at TARGET they work. 0 or -errno with F
 * (FAIL_ROOT_ASSEMBLE). */
int image_mount_tree(const char *path, enum root_mode mode, const char *target, image_load_module_fn *load, void *ctx,
		     struct failure *f) must_check;

/* A tree of files to be copied. */
struct tree_source {
	const char *path;    /* the folder */
	const char *words;   /* what it is called: "10.0.1.21:/srv/root" */
	bool network;        /* it is on a server: what cannot be read is that one's failure */
	int64_t memory;      /* bytes free; -1: not known */
	struct watch *watch; /* may be NULL */
};

/* Copies all of FROM, with hard links, devices, holes, owners, times and extended attributes, into the place that S is:
 * a tmpfs at TARGET where it is memory, a new ext4 where it is a ramdisk; image_mount makes the root of it. Refuses
 * what does not fit into memory, with the numbers, before it copies. LOAD and CTX as for image_mount. 0 or -errno with
 * F (FAIL_MEM_TOO_LITTLE; FAIL_SRV_* or FAIL_MED_READ where a file cannot be read). */
int image_copy_tree(struct store *s, const struct tree_source *from, const char *target, image_load_module_fn *load,
		    void *ctx, struct failure *f) must_check;

#endif
