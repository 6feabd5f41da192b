/* volume.c - the first bytes of a disk or partition -> which file system is on it, its label and its UUID. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/media/volume.h"

#include "base/buf.h"
#include "image/bytes.h"

#include <stdio.h>

/* What volume_more is given. */
enum { FAT_ROOT = 1, EXFAT_ROOT, NTFS_VOLUME, UDF_ANCHOR, UDF_DESCRIPTORS };

/* ---- text */

/* The standard form of the 16 bytes, RFC 9562 section 4. */
static void set_uuid(struct volume *v, const uint8_t *p)
{
	size_t n = 0;

	for (unsigned i = 0; i < 16; i++)
		n += (size_t)snprintf(v->uuid + n, sizeof(v->uuid) - n,
				      i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", p[i]);
}

/* Serial numbers of the FAT family. */
static void set_serial(struct volume *v, const uint8_t *p)
{
	snprintf(v->uuid, sizeof(v->uuid), "%02X%02X-%02X%02X", p[3], p[2], p[1], p[0]);
}

/* A label of at most LEN bytes, ended by NUL or filled up with blanks. */
static void set_label(struct volume *v, const uint8_t *p, size_t len)
{
	len = MIN(len, sizeof(v->label) - 1);
	for (size_t i = 0; i < len; i++)
		if (!p[i])
			len = i;
	while (len && p[len - 1] == ' ')
		len--;
	memcpy(v->label, p, len);
	v->label[len] = '\0';
}

/* How the characters of a label are stored. */
enum width { LATIN1, UTF16_LITTLE, UTF16_BIG };

/* A label of COUNT characters. */
static void set_wide_label(struct volume *v, const uint8_t *p, size_t count, enum width width)
{
	size_t n = 0;

	for (size_t i = 0; i < count && n + 4 < sizeof(v->label); i++) {
		uint32_t c = width == LATIN1         ? p[i]
			     : width == UTF16_LITTLE ? le16(p + 2 * i)
						     : (uint32_t)p[2 * i] << 8 | p[2 * i + 1];

		if (!c)
			break;
		if (c < 0x80) {
			v->label[n++] = (char)c;
		} else if (c < 0x800) {
			v->label[n++] = (char)(0xc0 | c >> 6);
			v->label[n++] = (char)(0x80 | (c & 0x3f));
		} else {
			v->label[n++] = (char)(0xe0 | c >> 12);
			v->label[n++] = (char)(0x80 | (c >> 6 & 0x3f));
			v->label[n++] = (char)(0x80 | (c & 0x3f));
		}
	}
	v->label[n] = '\0';
}

static void want_more(struct volume *v, int step, uint64_t at, uint64_t len)
{
	if (at > INT64_MAX - VOLUME_MORE || !len)
		return;
	v->step = step;
	v->more_at = (int64_t)at;
	v->more_len = (size_t)MIN(len, (uint64_t)VOLUME_MORE);
}

/* ---- the file systems of Linux */

/* Linux Documentation/filesystems/ext4/super.rst; ext2 and ext3 are mounted by the same driver. */
static bool is_ext(const uint8_t *p, size_t len, struct volume *v)
{
	const uint8_t *sb = p + 1024;

	if (len < 2048 || le16(sb + 56) != 0xef53 || le32(sb + 24) > 6 || !le32(sb) || !le32(sb + 32))
		return false;
	v->type = "ext4";
	v->dirty = sb[96] & 4; /* INCOMPAT_RECOVER */
	set_uuid(v, sb + 104);
	set_label(v, sb + 120, 16);
	return true;
}

/* Linux fs/xfs/libxfs/xfs_format.h, struct xfs_dsb. */
static bool is_xfs(const uint8_t *p, size_t len, struct volume *v)
{
	if (len < 512 || memcmp(p, "XFSB", 4) != 0)
		return false;
	v->type = "xfs";
	set_uuid(v, p + 32);
	set_label(v, p + 108, 12);
	return true;
}

/* Linux include/uapi/linux/btrfs_tree.h, struct btrfs_super_block at 64 KiB. */
static bool is_btrfs(const uint8_t *p, size_t len, struct volume *v)
{
	const uint8_t *sb = p + 65536;

	if (len < 65536 + 4096 || memcmp(sb + 64, "_BHRfS_M", 8) != 0)
		return false;
	v->type = "btrfs";
	set_uuid(v, sb + 32);
	set_label(v, sb + 299, 256);
	return true;
}

/* ---- the FAT family */

static bool power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* Microsoft FAT specification, section 3: its numbers tell, as they do the kernel; the jump before and the words "FAT16
 * " in between mean nothing, and not every program writes them. The label in the boot sector is a copy that some
 * programs forget; the one in the root folder counts. */
static bool is_vfat(const uint8_t *p, size_t len, struct volume *v)
{
	uint32_t sector, cluster, fat, reserved, entries;
	const uint8_t *more;
	uint64_t data;
	bool fat32;

	if (len < 512 || p[510] != 0x55 || p[511] != 0xaa)
		return false;
	sector = le16(p + 11);
	cluster = p[13];
	reserved = le16(p + 14);
	entries = le16(p + 17);
	fat = le16(p + 22);
	fat32 = !fat;
	if (fat32)
		fat = le32(p + 36);
	if (sector < 512 || sector > 4096 || !power_of_two(sector) || !power_of_two(cluster) || !reserved || !fat ||
	    p[16] - 1u > 3 || (p[21] < 0xf8 && p[21] != 0xf0) || (!fat32 && !entries) ||
	    (!le16(p + 19) && !le32(p + 32)))
		return false;
	v->type = "vfat";
	/* 0x29: serial number, label and words follow; 0x28: only the first */
	more = p + (fat32 ? 66 : 38);
	if ((*more | 1) == 0x29)
		set_serial(v, more + 1);
	if (*more == 0x29)
		set_label(v, more + 5, 11);
	if (streq(v->label, "NO NAME"))
		v->label[0] = '\0';
	data = ((uint64_t)reserved + (uint64_t)p[16] * fat) * sector;
	if (!fat32)
		want_more(v, FAT_ROOT, data, (uint64_t)entries * 32);
	else if (le32(p + 44) >= 2)
		want_more(v, FAT_ROOT, data + (uint64_t)(le32(p + 44) - 2) * cluster * sector,
			  (uint64_t)cluster * sector);
	return true;
}

static void look_at_fat_root(struct volume *v, const uint8_t *p, size_t len)
{
	for (; len >= 32 && p[0]; p += 32, len -= 32) {
		/* attributes: "volume", and not the four bits together that mark a piece of a long name */
		if (p[0] == 0xe5 || (p[11] & 0x3f) == 0x0f || !(p[11] & 0x08))
			continue;
		set_label(v, p, 11);
		return;
	}
}

/* Microsoft exFAT specification, section 3. */
static bool is_exfat(const uint8_t *p, size_t len, struct volume *v)
{
	unsigned sector, cluster;
	uint64_t heap, root;

	if (len < 512 || memcmp(p + 3, "EXFAT   ", 8) != 0)
		return false;
	sector = p[108];
	cluster = p[109];
	if (sector < 9 || sector > 12 || cluster > 25 - sector)
		return false;
	v->type = "exfat";
	set_serial(v, p + 100);
	heap = (uint64_t)le32(p + 88) << sector;
	root = le32(p + 96);
	if (root >= 2)
		want_more(v, EXFAT_ROOT, heap + ((root - 2) << (sector + cluster)), (uint64_t)1 << (sector + cluster));
	return true;
}

/* Section 7.3: the entry of type 0x83 is the label. */
static void look_at_exfat_root(struct volume *v, const uint8_t *p, size_t len)
{
	for (; len >= 32 && p[0]; p += 32, len -= 32)
		if (p[0] == 0x83)
			set_wide_label(v, p + 2, MIN(p[1], 11), UTF16_LITTLE);
}

/* ---- NTFS: its boot sector, and record 3 of its master file table, $Volume */

static bool is_ntfs(const uint8_t *p, size_t len, struct volume *v)
{
	uint32_t sector, cluster, record;
	int shift;

	if (len < 512 || memcmp(p + 3, "NTFS    ", 8) != 0)
		return false;
	sector = le16(p + 11);
	shift = (int8_t)p[13]; /* clusters larger than 64 KiB are stored as a negative power of two */
	cluster = shift > 0 ? (uint32_t)shift : shift > -24 ? 1u << -shift : 0;
	if (sector < 256 || sector > 4096 || !power_of_two(sector) || !power_of_two(cluster))
		return false;
	v->type = "ntfs3";
	snprintf(v->uuid, sizeof(v->uuid), "%08lX%08lX", (unsigned long)le32(p + 76), (unsigned long)le32(p + 72));
	shift = (int8_t)p[64];
	record = shift > 0 ? (uint32_t)shift * cluster * sector : shift > -16 ? 1u << -shift : 0;
	if (record < 256 || record > 16384 || le64(p + 48) > UINT32_MAX)
		return true;
	v->unit = sector;
	want_more(v, NTFS_VOLUME, le64(p + 48) * cluster * sector + 3 * (uint64_t)record, record);
	return true;
}

/* The last two bytes of each sector of a record are kept in a list at its head. */
static bool mend_record(uint8_t *record, size_t len, uint32_t sector)
{
	size_t list = le16(record + 4), count = le16(record + 6);

	if (list + 2 * count > len || count * sector > len + sector)
		return false;
	for (size_t i = 1; i < count; i++)
		memcpy(record + i * sector - 2, record + list + 2 * i, 2);
	return true;
}

static void look_at_ntfs_volume(struct volume *v, const uint8_t *bytes, size_t len)
{
	uint8_t record[16384];
	size_t at;

	if (len < 48 || len > sizeof(record) || memcmp(bytes, "FILE", 4) != 0)
		return;
	memcpy(record, bytes, len);
	if (!mend_record(record, len, v->unit))
		return;
	at = le16(record + 20);
	while (at + 24 <= len) {
		uint32_t type = le32(record + at), size = le32(record + at + 4), value = le32(record + at + 16);
		uint16_t offset = le16(record + at + 20);

		if (type == 0xffffffff || size < 24 || size > len - at)
			return;
		/* $VOLUME_NAME */
		if (type == 0x60 && !record[at + 8] && offset <= size && value <= size - offset) {
			set_wide_label(v, record + at + offset, value / 2, UTF16_LITTLE);
			return;
		}
		at += size;
	}
}

/* ---- discs */

/* ECMA-119 section 8.4: the primary volume descriptor; the time of modification serves as UUID, else that of
 * creation. */
static bool is_iso9660(const uint8_t *p, size_t len, struct volume *v)
{
	const uint8_t *pvd = p + 32768, *time = pvd + 830;

	if (len < 32768 + 2048 || memcmp(pvd, "\001CD001\001", 7) != 0)
		return false;
	v->type = "iso9660";
	set_label(v, pvd + 40, 32);
	if (memcmp(time, "0000000000000000", 16) == 0 || !time[0])
		time = pvd + 813;
	for (unsigned i = 0; i < 16; i++)
		if (time[i] < '0' || time[i] > '9')
			return true;
	snprintf(v->uuid, sizeof(v->uuid), "%.4s-%.2s-%.2s-%.2s-%.2s-%.2s-%.2s", (const char *)time,
		 (const char *)time + 4, (const char *)time + 6, (const char *)time + 8, (const char *)time + 10,
		 (const char *)time + 12, (const char *)time + 14);
	return true;
}

/* ECMA-167 part 2, section 9: the volume recognition sequence. */
static bool is_udf(const uint8_t *p, size_t len, struct volume *v)
{
	for (size_t at = 32768; at + 2048 <= len; at += 2048) {
		if (memcmp(p + at + 1, "NSR02", 5) == 0 || memcmp(p + at + 1, "NSR03", 5) == 0) {
			v->type = "udf";
			v->unit = 2048; /* discs; where there is no anchor, disks of 512 are tried */
			want_more(v, UDF_ANCHOR, 256 * 2048, 512);
			return true;
		}
	}
	return false;
}

/* ECMA-167 part 3, sections 7.2 and 10.2: the anchor in sector 256 tells where the volume descriptors are. */
static void look_at_udf_anchor(struct volume *v, const uint8_t *p, size_t len)
{
	if (len >= 24 && le16(p) == 2 && le32(p + 12) == 256) {
		want_more(v, UDF_DESCRIPTORS, (uint64_t)le32(p + 20) * v->unit, le32(p + 16));
	} else if (v->unit != 512) {
		v->unit = 512;
		want_more(v, UDF_ANCHOR, 256 * 512, 512);
	}
}

/* Section 10.1: the primary volume descriptor (tag 1) has the identifier of the volume set, which begins with 16
 * hexadecimal digits that make it unique (OSTA UDF 2.60, section 2.2.2.5). */
static void take_udf_set(struct volume *v, const uint8_t *id)
{
	for (unsigned i = 0; i < 16; i++) {
		uint8_t c = id[1 + i];
		bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

		v->uuid[i] = (char)(c >= 'A' && c <= 'F' ? c | 0x20 : c);
		if (!digit || id[0] != 8) {
			v->uuid[0] = '\0';
			return;
		}
	}
	v->uuid[16] = '\0';
}

/* Sections 10.6 and 7.2.12: the logical volume descriptor (tag 6) has the label, 8 or 16 bits a character, its length
 * in the last byte. */
static void look_at_udf_descriptors(struct volume *v, const uint8_t *p, size_t len)
{
	for (; len >= 512 && len >= v->unit; p += v->unit, len -= v->unit) {
		const uint8_t *id = p + 84;
		uint8_t used = id[127];

		if (le16(p) == 1 && !v->uuid[0])
			take_udf_set(v, p + 72);
		if (le16(p) != 6 || used < 2 || used > 127 || v->label[0])
			continue;
		if (id[0] == 8)
			set_wide_label(v, id + 1, used - 1u, LATIN1);
		else if (id[0] == 16)
			set_wide_label(v, id + 1, (used - 1u) / 2, UTF16_BIG);
	}
}

/* ---- all together */

bool volume_recognise(const uint8_t *head, size_t len, struct volume *v)
{
	*v = (struct volume){ 0 };
	/* A disc may be both: everybody can read its ISO 9660 half. A hybrid ISO has a boot sector, but no FAT's. */
	return is_iso9660(head, len, v) || is_udf(head, len, v) || is_ext(head, len, v) || is_xfs(head, len, v) ||
	       is_btrfs(head, len, v) || is_exfat(head, len, v) || is_ntfs(head, len, v) || is_vfat(head, len, v);
}

void volume_more(struct volume *v, const uint8_t *bytes, size_t len)
{
	int step = v->step;

	v->step = 0;
	v->more_at = 0;
	v->more_len = 0;
	if (step == FAT_ROOT)
		look_at_fat_root(v, bytes, len);
	else if (step == EXFAT_ROOT)
		look_at_exfat_root(v, bytes, len);
	else if (step == NTFS_VOLUME)
		look_at_ntfs_volume(v, bytes, len);
	else if (step == UDF_ANCHOR)
		look_at_udf_anchor(v, bytes, len);
	else if (step == UDF_DESCRIPTORS)
		look_at_udf_descriptors(v, bytes, len);
}
