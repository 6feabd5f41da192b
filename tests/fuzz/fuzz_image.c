/* fuzz_image.c - any bytes as an image, in any portions -> recognised, uncompressed, refused; never too much. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/image.h"
#include "image/intake.h"
#include "image/iso.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sink that keeps nothing, so that most runs cost no memory file. */
#define MOST (4 * MIB)
struct bounded {
	struct sink sink;
	int64_t came;
	uint8_t room[64 * 1024];
};

static int begin(struct sink *s, int64_t size, struct failure *f)
{
	(void)s;
	return size > MOST ? fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "too much") : 0;
}

static int reserve(struct sink *s, void **space, size_t *room, struct failure *f)
{
	struct bounded *b = container_of(s, struct bounded, sink);

	(void)f;
	*space = b->room;
	*room = 1 + (size_t)b->came % sizeof(b->room);
	return 0;
}

static int commit(struct sink *s, size_t used, struct failure *f)
{
	struct bounded *b = container_of(s, struct bounded, sink);

	b->came += (int64_t)used;
	return b->came > MOST ? fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "too much") : 0;
}

static int finish(struct sink *s, struct failure *f)
{
	(void)s, (void)f;
	return 0;
}

static int restart(struct sink *s, struct failure *f)
{
	(void)f;
	container_of(s, struct bounded, sink)->came = 0;
	return 0;
}

static void release(struct sink *s)
{
	(void)s;
}

static void feed(struct sink *s, const uint8_t *data, size_t size, size_t portion)
{
	struct failure f = { 0 };
	int err = s->begin(s, -1, &f);

	for (size_t at = 0; !err && at < size; at += portion)
		err = sink_write(s, data + at, MIN(portion, size - at), &f);
	if (!err)
		err = s->finish(s, &f);
	if (err && (f.id == FAIL_NONE || !f.detail[0]))
		abort();
	err = s->restart(s, &f);
	if (err)
		abort();
}

/* All folders of an ISO. */
static void look_through(const uint8_t *data, size_t size)
{
	int fd = memfd_create("iso", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)!iso_check(fd, (int64_t)size, NULL);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bounded bounded = {
		.sink = { .begin = begin,
			  .reserve = reserve,
			  .commit = commit,
			  .finish = finish,
			  .restart = restart,
			  .free = release },
	};
	struct sink *s;
	enum image_kind kind;
	struct store store;
	int64_t claimed;
	size_t portion;
	bool keep;

	if (size < 1)
		return 0;
	portion = 1 + (data[0] & 63) * 37u;
	keep = (data[0] & 0xc0) == 0xc0;
	data++;
	size--;
	if (image_check(data, size, &kind, &claimed, NULL) == 0)
		(void)!image_check_size(kind, claimed, (int64_t)size, NULL);
	if (kind == IMAGE_ISO9660)
		look_through(data, size);
	if (!keep) {
		s = intake_sink(&bounded.sink, false, 24 * MIB, NULL);
		if (!s)
			return 0;
		feed(s, data, size, portion);
		s->free(s);
		return 0;
	}
	if (store_open_memory(&store, NULL, NULL))
		abort();
	s = image_sink(&store, false, 20 * MIB, NULL);
	if (s) {
		feed(s, data, size, portion);
		s->free(s);
	}
	store_close(&store);
	return 0;
}
