/* store_tree.c - a store -> an empty tree in its place: a tmpfs, or a new file system on its ramdisk. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/store.h"

#include "base/random.h"
#include "image/mkext.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

/* Memory, as much as there is but what is kept for the machine. Only what the files take is taken. No device works in
 * it until image_mount. */
static int mount_memory(const char *target, int64_t memory, struct failure *f)
{
	char options[64] = "mode=0755,size=100%";

	if (memory >= 0)
		snprintf(options, sizeof(options), "mode=0755,size=%lld",
			 (long long)MAX(memory - memory_reserve(memory), MIB));
	if (mount("stage1-root", target, "tmpfs", MS_NODEV, options) < 0)
		return fail(f, FAIL_ROOT_ASSEMBLE, -errno, "mounting a tmpfs on %s: %s", target, err_text(errno));
	return 0;
}

/* A fresh file system on the ramdisk, as the old way had it (root=/dev/ram3 rw). */
static int mount_device(struct store *s, const char *target, image_load_module_fn *load, void *ctx, struct failure *f)
{
	uint32_t bits[4];
	uint8_t uuid[16];
	int fd, err;

	base_close_fd(&s->write_fd); /* it keeps everyone else out */
	fd = open(s->path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(f, FAIL_IMG_STORE, -errno, "opening %s: %s", s->path, err_text(errno));
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		bits[i] = random_u32();
	memcpy(uuid, bits, sizeof(uuid));
	uuid[6] = (uint8_t)(0x40 | (uuid[6] & 0x0f)); /* RFC 9562 section 5.4: version 4, variant 10 */
	uuid[8] = (uint8_t)(0x80 | (uuid[8] & 0x3f));
	err = mkext(fd, s->capacity, (uint32_t)time(NULL), uuid, f);
	close(fd);
	if (err)
		return err;
	if (load)
		(void)load(ctx, "ext4");
	if (mount(s->path, target, "ext4", MS_NODEV, NULL) < 0)
		return fail(f, FAIL_ROOT_ASSEMBLE, -errno, "mounting %s on %s: %s", s->path, target, err_text(errno));
	return 0;
}

int store_make_tree(struct store *s, const char *target, int64_t memory, image_load_module_fn *load, void *ctx,
		    struct failure *f)
{
	int err = s->kind == STORE_MEMORY ? mount_memory(target, memory, f) : mount_device(s, target, load, ctx, f);

	if (err)
		return err;
	s->tree = strdup(target);
	if (s->tree)
		return 0;
	umount(target);
	return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "no memory for a name");
}
