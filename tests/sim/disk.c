/* disk.c - simulated disks: the linker puts these calls in the place of relay/store.c's (--wrap). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim.h"

int __wrap_rstore_write(struct rstore *s, int64_t offset, const void *bytes, size_t len);
int __wrap_rstore_read(struct rstore *s, int64_t offset, void *bytes, size_t len);
int __wrap_rstore_read_old(struct rstore *s, int64_t offset, void *bytes, size_t len);
ssize_t __wrap_rstore_send(struct rstore *s, struct loop *l, int socket, int64_t offset, size_t len);
void __wrap_rstore_close(struct rstore *s, bool keep);
void __wrap_wire_random(void *bytes, size_t len);

void sim_disk_open(struct rstore *s, struct sim_disk *d)
{
	*s = (struct rstore){ .kind = RSTORE_LENT, .resumed = d->used, .path = (char *)d };
}

static struct sim_disk *disk_of(struct rstore *s)
{
	return (struct sim_disk *)s->path;
}

int __wrap_rstore_write(struct rstore *s, int64_t offset, const void *bytes, size_t len)
{
	struct sim_disk *d = disk_of(s);

	if (offset < 0 || offset + (int64_t)len > d->size || memcmp(bytes, d->truth + offset, len) != 0)
		sim_violated("machine %d stores wrong bytes at %lld", d->m->index, (long long)offset);
	if (d->eio_at && d->written >= d->eio_at)
		return -EIO;
	if (d->full_at && d->written >= d->full_at)
		return -ENOSPC;
	if (offset >= 0 && offset + (int64_t)len <= d->size)
		memcpy(d->bytes + offset, bytes, len);
	d->written += (int64_t)len;
	d->used = true;
	if (d->rot && len && chance_one_in(&sim.chance, d->rot))
		d->bytes[offset + chance_below(&sim.chance, (uint32_t)len)] ^= 0x40;
	return 0;
}

int __wrap_rstore_read(struct rstore *s, int64_t offset, void *bytes, size_t len)
{
	struct sim_disk *d = disk_of(s);

	if (offset < 0 || offset + (int64_t)len > d->size)
		return -EIO;
	memcpy(bytes, d->bytes + offset, len);
	return 0;
}

int __wrap_rstore_read_old(struct rstore *s, int64_t offset, void *bytes, size_t len)
{
	(void)s;
	(void)offset;
	(void)bytes;
	(void)len;
	return -ENOENT;
}

ssize_t __wrap_rstore_send(struct rstore *s, struct loop *l, int socket, int64_t offset, size_t len)
{
	struct sim_disk *d = disk_of(s);
	size_t n = MIN(len, (size_t)MAX(d->size - offset, (int64_t)0));

	return n ? l->world->write(l, socket, d->bytes + offset, n, false) : -EIO;
}

void __wrap_rstore_close(struct rstore *s, bool keep)
{
	struct sim_disk *d = disk_of(s);

	if (d && !keep)
		d->used = false;
	*s = (struct rstore){ .limit = -1 };
}

void __wrap_wire_random(void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)bytes)[i] = (uint8_t)chance_next(&sim.chance);
}
