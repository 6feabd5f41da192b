/* recognise.c - the first bytes of a file -> what it is, and how big by its own header. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/image.h"

#include "image/bytes.h"
#include "image/tar.h"

/* A header's word on its size; what no off_t can hold is more than any file has. */
static int64_t claim(uint64_t units, unsigned shift)
{
	if (shift > 62 || units > (uint64_t)INT64_MAX >> shift)
		return INT64_MAX;
	return (int64_t)(units << shift);
}

/* Linux Documentation/filesystems/squashfs.rst: superblock at 0, little endian since 4.0. */
static bool is_squashfs(const uint8_t *p, size_t len, int64_t *size)
{
	if (len < 96 || memcmp(p, "hsqs", 4) != 0 || le16(p + 28) != 4)
		return false;
	*size = claim(le64(p + 40), 0);
	return true;
}

/* Linux fs/erofs/erofs_fs.h: superblock at 1024. */
static bool is_erofs(const uint8_t *p, size_t len, int64_t *size)
{
	unsigned bits;

	if (len < 1024 + 128 || le32(p + 1024) != 0xe0f5e1e2)
		return false;
	bits = p[1024 + 12];
	if (bits < 9 || bits > 16)
		return false;
	*size = claim(le32(p + 1024 + 36), bits);
	return true;
}

/* Linux Documentation/filesystems/ext4/super.rst: superblock at 1024. The magic has only two bytes, so the fields that
 * every such file system must have are looked at too. */
static bool is_ext(const uint8_t *p, size_t len, int64_t *size)
{
	const uint8_t *sb = p + 1024;
	uint64_t blocks;
	unsigned log;

	if (len < 2048 || le16(sb + 56) != 0xef53)
		return false;
	log = le32(sb + 24);
	blocks = le32(sb + 4);
	if (le32(sb + 96) & 0x80) /* INCOMPAT_64BIT */
		blocks |= (uint64_t)le32(sb + 0x150) << 32;
	if (log > 6 || le32(sb) == 0 || blocks == 0 || le32(sb + 32) == 0 || le32(sb + 40) == 0)
		return false;
	*size = claim(blocks, 10 + log);
	return true;
}

/* ECMA-119 section 8.4: the primary volume descriptor in sector 16. A hybrid ISO has a partition table in the unused
 * sectors before. Numbers are stored both ways round; the little endian half comes first. */
static bool is_iso9660(const uint8_t *p, size_t len, int64_t *size)
{
	const uint8_t *pvd = p + 32768;
	uint64_t block;

	if (len < 32768 + 2048 || memcmp(pvd, "\001CD001\001", 7) != 0)
		return false;
	block = le16(pvd + 128);
	if (block == 0)
		return false;
	*size = claim(le32(pvd + 80) * block, 0);
	return true;
}

/* RFC 1952 section 2.3: magic, and deflate as the only method. */
static bool is_gzip(const uint8_t *p, size_t len)
{
	return len >= 3 && memcmp(p, "\x1f\x8b\x08", 3) == 0;
}

/* The .xz file format, section 2.1.1.1. */
static bool is_xz(const uint8_t *p, size_t len)
{
	return len >= 6 && memcmp(p,
				  "\xfd"
				  "7zXZ\0",
				  6) == 0;
}

/* RFC 8878 sections 3.1.1 and 3.1.2: a frame, or a skippable frame before it. */
static bool is_zstd(const uint8_t *p, size_t len)
{
	return len >= 4 && (le32(p) == 0xfd2fb528 || (le32(p) & 0xfffffff0) == 0x184d2a50);
}

/* Linux Documentation/driver-api/early-userspace/buffer-format.rst: newc, with and without checksums. */
static bool is_cpio(const uint8_t *p, size_t len)
{
	return len >= 6 && (memcmp(p, "070701", 6) == 0 || memcmp(p, "070702", 6) == 0);
}

enum image_kind image_recognise(const uint8_t *head, size_t len, int64_t *size)
{
	*size = -1;
	if (is_squashfs(head, len, size))
		return IMAGE_SQUASHFS;
	if (is_gzip(head, len))
		return IMAGE_GZIP;
	if (is_xz(head, len))
		return IMAGE_XZ;
	if (is_zstd(head, len))
		return IMAGE_ZSTD;
	if (is_cpio(head, len))
		return IMAGE_CPIO;
	/* Before ext and iso9660: an archive's contents may look like either. */
	if (len >= TAR_BLOCK && tar_is_header(head))
		return IMAGE_TAR;
	if (is_erofs(head, len, size))
		return IMAGE_EROFS;
	if (is_ext(head, len, size))
		return IMAGE_EXT;
	if (is_iso9660(head, len, size))
		return IMAGE_ISO9660;
	return IMAGE_UNKNOWN;
}

const char *image_kind_name(enum image_kind kind)
{
	static const char *const names[] = {
		[IMAGE_UNKNOWN] = "unknown", [IMAGE_SQUASHFS] = "squashfs", [IMAGE_EROFS] = "erofs",
		[IMAGE_EXT] = "ext4",        [IMAGE_ISO9660] = "iso9660",   [IMAGE_GZIP] = "gzip",
		[IMAGE_XZ] = "xz",           [IMAGE_ZSTD] = "zstd",         [IMAGE_TAR] = "tar",
		[IMAGE_CPIO] = "cpio",
	};

	return kind < ARRAY_SIZE(names) ? names[kind] : names[IMAGE_UNKNOWN];
}

/* What else a file on a server may turn out to be: only for the words that refuse it. */
static const struct {
	uint16_t at;
	uint8_t len;
	const char *magic, *words;
} others[] = {
	{ 0, 3, "BZh", "a bzip2 file" },
	{ 0, 4, "\x04\x22\x4d\x18", "an lz4 file" },
	{ 0, 3, "\x5d\0\0", "an lzma file" },
	{ 0, 4, "PK\003\004", "a zip archive" },
	{ 0, 4,
	  "\x7f"
	  "ELF",
	  "a program" },
	{ 0, 4, "XFSB", "an xfs file system" },
	{ 0, 4, "QFI\xfb", "a qcow2 disk image" },
	{ 0, 4, "\x45\x3d\xcd\x28", "a cramfs image" },
	{ 0, 4, "sqsh", "a squashfs image older than 4.0" },
	{ 0, 4, "hsqs", "a squashfs image of a version other than 4" },
	{ 514, 4, "HdrS", "a Linux kernel" },
	{ 512, 8, "EFI PART", "an image of a whole disk with partitions" },
	{ 510, 2, "\x55\xaa", "an image of a whole disk, or a boot sector" },
};

int image_describe_unknown(struct buf *words, const uint8_t *head, size_t len)
{
	size_t n = 0, i;

	if (len == 0)
		return buf_str(words, "it is empty");
	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (len >= (size_t)others[i].at + others[i].len &&
		    memcmp(head + others[i].at, others[i].magic, others[i].len) == 0)
			return buf_printf(words, "it looks like %s", others[i].words);
	while (n < MIN(len, (size_t)32) && head[n] >= ' ' && head[n] < 0x7f)
		n++;
	if (n >= 8)
		return buf_printf(words, "it is text: \"%.*s\"", (int)n, (const char *)head);
	buf_str(words, "it begins with");
	for (i = 0; i < MIN(len, (size_t)8); i++)
		buf_printf(words, " %02x", head[i]);
	return words->failed ? -ENOMEM : 0;
}

int image_check(const uint8_t *head, size_t len, enum image_kind *kind, int64_t *claimed, struct failure *f)
{
	cleanup_buf struct buf words = { 0 };

	*kind = image_recognise(head, len, claimed);
	switch (*kind) {
	case IMAGE_SQUASHFS:
	case IMAGE_EROFS:
	case IMAGE_EXT:
	case IMAGE_ISO9660:
		return 0;
	case IMAGE_UNKNOWN:
		image_describe_unknown(&words, head, len);
		break;
	case IMAGE_TAR:
	case IMAGE_CPIO:
		buf_printf(&words, "it is a %s archive, and an image is needed here", image_kind_name(*kind));
		break;
	default:
		buf_printf(&words, "it is %s inside: compressed twice", image_kind_name(*kind));
		break;
	}
	return fail(f, FAIL_IMG_UNKNOWN, -EMEDIUMTYPE, "%s", buf_cstr(&words));
}

int image_check_size(enum image_kind kind, int64_t claimed, int64_t size, struct failure *f)
{
	if (claimed <= size || (kind == IMAGE_ISO9660 && claimed - size <= IMAGE_ISO_PADDING))
		return 0;
	return fail(f, FAIL_IMG_CORRUPT, -EBADMSG,
		    "it is cut: a %s of %lld bytes by its own header, %lld bytes are there", image_kind_name(kind),
		    (long long)claimed, (long long)size);
}
