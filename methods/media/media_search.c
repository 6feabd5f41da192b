/* media_search.c - options and a choice of media -> the image from the first medium that has it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/media/media_search.h"

#include "base/clock.h"
#include "base/log.h"
#include "image/image.h"
#include "methods/media/folder.h"
#include "probe/uevent.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <unistd.h>

/* A person who wants to stop is heard within this time. */
#define CANCEL_MS 500

/* How often the kernel is to ask drives without a disc whether there is one now, in milliseconds. */
#define DISC_POLL_MS "1000"

/* One search. */
struct quest {
	struct fetch *fetch;
	const struct media_search *search;
	struct words done;      /* names of devices that were looked at */
	struct buf report;      /* what is on those without the image, for a person */
	struct failure mount;   /* the first that could not be mounted */
	struct failure failure; /* the first whose image was there, but of no use */
};

/* ---- one medium */

/* How to mount without writing a byte: a dirty journal stays as it is (the system on that disk may only be asleep). */
static const char *mount_options(const char *type)
{
	static const struct {
		const char *type, *options;
	} rows[] = {
		{ "ext4", "noload" },
		{ "xfs", "norecovery,nouuid" },
		{ "btrfs", "rescue=nologreplay" },
		{ "vfat", "utf8" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (streq(type, rows[i].type))
			return rows[i].options;
	return NULL;
}

/* Mounts the medium /dev/NAME, to be written to where WRITABLE. */
static int mount_medium(const char *name, const char *type, const char *point, bool writable, struct failure *f)
{
	cleanup_free char *device = str_printf("/dev/%s", name);
	const unsigned long flags = MS_NODEV | MS_NOSUID | MS_NOEXEC | (writable ? 0u : MS_RDONLY);

	if (device && mount(device, point, type, flags, writable ? NULL : mount_options(type)) == 0)
		return 0;
	return fail(f, FAIL_MED_MOUNT, -errno, "%s (%s): %s", name, type,
		    errno == ENODEV ? "the kernel has no driver for this file system" : err_text(errno));
}

/* The medium NAME, at IMAGE_MEDIA already and perhaps written to there, read-only at POINT as well. */
static int mount_again(const char *name, const char *point, struct failure *f)
{
	const unsigned long flags = MS_NODEV | MS_NOSUID | MS_NOEXEC | MS_RDONLY;

	if (mount(IMAGE_MEDIA, point, NULL, MS_BIND, NULL) == 0 &&
	    mount(NULL, point, NULL, MS_REMOUNT | MS_BIND | flags, NULL) == 0)
		return 0;
	return fail(f, FAIL_MED_MOUNT, -errno, "%s, once more: %s", name, err_text(errno));
}

int media_search_mount(const struct fetch *f, const char *point, const char **below)
{
	const char *directory = f->options->value[KEY_DIRECTORY];

	*below = directory ? directory : "";
	if (f->in_place)
		return mount_again(f->origin.device, point, f->fail);
	return mount_medium(f->origin.device, f->origin.type, point, false, f->fail);
}

static void release(const struct media_device *d, const char *point)
{
	if (umount(point) < 0)
		log_warn("%s stays mounted: %s", d->name, err_text(errno));
}

/* D is the image itself, as a whole. */
static int take_image(struct fetch *f, const struct media_device *d)
{
	cleanup_free char *path = str_printf("/dev/%s", d->name);
	cleanup_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return fail(f->fail, FAIL_MED_READ, -errno, "%s: %s", d->name, err_text(errno));
	watch_reads(f->watch, d->name);
	return f->in_place ? found_set(f->found, FOUND_FILE, fd, d->name, f->fail)
			   : folder_copy_file(f, fd, d->image, d->name);
}

/* Looks into what is on one medium. 0: the image is in the sink; FOLDER_NO_IMAGE; -errno with the failure filled. */
static int look_into(struct quest *q, const struct media_device *d)
{
	struct fetch *f = q->fetch;
	cleanup_free char *point = folder_make_mount_point(f->found ? IMAGE_MEDIA : NULL);
	cleanup_buf struct buf names = { 0 };
	struct folder t = { .words = d->name };
	bool again;
	int err;

	if (!point)
		return fail(f->fail, FAIL_MED_MOUNT, -errno, "no folder to mount %s on: %s", d->name, err_text(errno));
	watch_reads(f->watch, d->name);
	err = mount_medium(d->name, d->volume.type, point, false, f->fail);
	if (!err && d->volume.dirty && !f->writable)
		watch_note(f->watch, "%s was not cleanly unmounted: what only its journal holds is not seen", d->name);
	if (!err) {
		t.fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = folder_fetch(f, &t, &names);
		base_close_fd(&t.fd);
		again = !err && f->writable && f->found->kind == FOUND_TREE;
		if (err || !f->found || !f->found->kind || again)
			release(d, point);
		if (again) /* written to is only what is known to be the one; its path stays the same */
			err = mount_medium(d->name, d->volume.type, point, true, f->fail);
	}
	rmdir(point); /* refused while it is mounted */
	if (err == FOLDER_NO_IMAGE) {
		buf_str(&q->report, q->report.len ? "; " : "");
		media_describe(d, &q->report);
		buf_printf(&q->report, " (%s)", names.len ? buf_cstr(&names) : "nothing");
	}
	return err;
}

/* The names in O that lead into a medium. */
static bool leads_into(const struct options *o)
{
	return o->value[KEY_IMAGE] || o->value[KEY_DIRECTORY];
}

static int look_on(struct quest *q, const struct media_device *d)
{
	struct fetch *f = q->fetch;
	int err = d->image && !leads_into(f->options) ? take_image(f, d) : look_into(q, d);

	if (!err) {
		f->origin.device = strdup(d->name);
		f->origin.type = d->volume.type;
	}
	return err;
}

/* An image that merely lies about on a disk is not meant. */
static bool is_meant(const struct options *o, const struct media_device *d)
{
	return d->volume.type && (!d->image || o->value[KEY_DISK] || o->value[KEY_PARTITION]);
}

/* ---- all media there are */

static bool was_looked_at(const struct quest *q, const char *name)
{
	for (size_t i = 0; i < q->done.count; i++)
		if (streq(q->done.word[i], name))
			return true;
	return false;
}

static int mark_looked_at(struct quest *q, const char *name)
{
	char **more = realloc(q->done.word, (q->done.count + 1) * sizeof(*more));

	if (more)
		q->done.word = more;
	if (!more || !(more[q->done.count] = strdup(name)))
		return fail(q->fetch->fail, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for a name");
	q->done.count++;
	return 0;
}

/* The device has changed or is new: it deserves a look. */
static void forget(struct quest *q, const char *name)
{
	for (size_t i = 0; i < q->done.count; i++) {
		if (!streq(q->done.word[i], name))
			continue;
		free(q->done.word[i]);
		q->done.word[i] = q->done.word[--q->done.count];
		return;
	}
}

/* The look on one medium failed with ERR. 0: the others are worth a look; else -errno with the failure filled. */
static int note_failure(struct quest *q, int err)
{
	const struct failure *f = q->fetch->fail;

	switch (f->id) {
	case FAIL_MED_MOUNT:
		if (!q->mount.id)
			q->mount = *f;
		return 0;
	case FAIL_MED_READ:
	case FAIL_IMG_UNKNOWN:
	case FAIL_IMG_CORRUPT:
	case FAIL_IMG_DIGEST:
		if (!q->failure.id)
			q->failure = *f;
		return q->fetch->sink ? q->fetch->sink->restart(q->fetch->sink, q->fetch->fail) : 0;
	default:
		return err;
	}
}

/* Looks on those of rank RANK. 0, FOLDER_NO_IMAGE, or -errno with the failure filled. */
static int look_on_rank(struct quest *q, const struct media *m, unsigned rank)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct media_device *d = &m->item[i];
		int err;

		if (was_looked_at(q, d->name) || !is_meant(q->fetch->options, d) ||
		    q->search->rank(q->fetch->options, d) != rank)
			continue;
		err = mark_looked_at(q, d->name);
		if (!err)
			err = look_on(q, d);
		if (err < 0)
			err = note_failure(q, err) ? q->fetch->fail->err : FOLDER_NO_IMAGE;
		if (err != FOLDER_NO_IMAGE)
			return err;
	}
	return FOLDER_NO_IMAGE;
}

/* Looks on all that were not looked at. */
static int look_on_all(struct quest *q)
{
	struct media m;
	int err = media_list(&m, "/sys");

	if (err)
		return fail(q->fetch->fail, FAIL_MED_NO_IMAGE, err, "/sys/class/block: %s", err_text(err));
	for (size_t i = 0; i < m.count; i++) {
		int unreadable = 0;

		watch_reads(q->fetch->watch, m.item[i].name);
		if (!was_looked_at(q, m.item[i].name))
			unreadable = media_identify(&m.item[i], "/dev");
		if (unreadable && unreadable != -ENOMEDIUM)
			log_info("%s: %s", m.item[i].name, err_text(unreadable));
	}
	err = FOLDER_NO_IMAGE;
	for (unsigned rank = 1; rank <= q->search->ranks && err == FOLDER_NO_IMAGE; rank++)
		err = look_on_rank(q, &m, rank);
	media_free(&m);
	return err;
}

/* ---- more to come */

/* CD drives tell about a new disc only when the kernel asks them. */
static void let_drives_tell(void)
{
	struct media m;

	if (media_list(&m, "/sys"))
		return;
	for (size_t i = 0; i < m.count; i++) {
		cleanup_free char *path = str_printf("/sys/class/block/%s/events_poll_msecs", m.item[i].name);
		cleanup_close int fd = path && m.item[i].cd ? open(path, O_WRONLY | O_CLOEXEC) : -1;

		if (fd >= 0 && write(fd, DISC_POLL_MS, strlen(DISC_POLL_MS)) < 0)
			log_debug("%s: %s", path, err_text(errno));
	}
	media_free(&m);
}

/* Takes the events that have come. True when one is about a block device. */
static bool take_events(struct quest *q, int events)
{
	char text[UEVENT_MAX];
	struct uevent ev;
	bool news = false;
	int got;

	while ((got = uevent_read(events, text, sizeof(text), &ev)) > 0 || got == -ENOBUFS) {
		const char *slash = got > 0 ? strrchr(ev.devpath, '/') : NULL;

		if (got > 0 && !streq(ev.subsystem, "block"))
			continue;
		news = true;
		if (slash)
			forget(q, slash + 1);
	}
	return news;
}

/* Waits for a block device that is new or has a new disc. 0, -ETIMEDOUT, or -ECANCELED with the failure filled. */
static int wait_for_news(struct quest *q, int events, int64_t deadline)
{
	struct watch *w = q->fetch->watch;

	while (!take_events(q, events)) {
		int err = wait_fd(events, POLLIN, MIN(deadline, now_ms() + CANCEL_MS));

		if (!err && q->fetch->new_devices)
			q->fetch->new_devices(q->fetch->new_devices_ctx); /* it may be what the disk sits on */

		if (watch_cancelled(w))
			return fail(q->fetch->fail, FAIL_SYS_CANCELLED, -ECANCELED, "while waiting for a %s",
				    q->search->what);
		if (err && (err != -ETIMEDOUT || now_ms() >= deadline))
			return err;
	}
	return 0;
}

/* True when the options name one device by its name: once it was looked at, no other can be meant. */
static bool is_named(const struct options *o)
{
	const enum option_key keys[] = { KEY_DISK, KEY_PARTITION };
	bool named = false;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value = o->value[keys[i]];

		named |= value && !streq(value, "auto") && !strchr(value, '=');
	}
	return named;
}

static int look_until(struct quest *q, int events, int64_t deadline)
{
	int err = look_on_all(q);

	if (err == FOLDER_NO_IMAGE)
		let_drives_tell();
	while (err == FOLDER_NO_IMAGE && events >= 0 && !(is_named(q->fetch->options) && q->done.count)) {
		watch_waiting(q->fetch->watch, deadline, "waiting for a %s with the image", q->search->what);
		err = wait_for_news(q, events, deadline);
		if (err == -ETIMEDOUT)
			return FOLDER_NO_IMAGE;
		if (!err)
			err = look_on_all(q);
	}
	return err;
}

/* ---- the report */

/* All that could have been meant. */
static void describe_all(struct buf *out)
{
	struct media m;

	if (media_list(&m, "/sys"))
		return;
	for (size_t i = 0; i < m.count; i++) {
		if (media_identify(&m.item[i], "/dev"))
			continue;
		buf_str(out, out->len ? ", " : "");
		media_describe(&m.item[i], out);
	}
	media_free(&m);
}

/* What was looked for, and what is there instead. */
static int no_image(struct quest *q)
{
	const struct options *o = q->fetch->options;
	char **paths = NULL;
	size_t count = 0;
	cleanup_buf struct buf wanted = { 0 };

	if (method_paths(o, &paths, &count) == 0)
		for (size_t i = 0; i < count; i++) {
			buf_printf(&wanted, "%s%s", i ? " or " : "", paths[i]);
			free(paths[i]);
		}
	if (found_may_be_tree(o))
		buf_printf(&wanted, " or a whole system (/sbin/init) at %s",
			   o->value[KEY_DIRECTORY] ? o->value[KEY_DIRECTORY] : "/");
	free(paths);
	return fail(q->fetch->fail, FAIL_MED_NO_IMAGE, -ENOENT, "%s is on none of: %s", buf_cstr(&wanted),
		    buf_cstr(&q->report));
}

static int report(struct quest *q)
{
	const struct options *o = q->fetch->options;
	const char *disk = o->value[KEY_DISK], *partition = o->value[KEY_PARTITION];
	cleanup_buf struct buf there = { 0 };
	const struct failure *f = q->failure.id ? &q->failure : &q->mount;

	if (q->failure.id || (q->mount.id && !q->report.len)) {
		*q->fetch->fail = *f;
		return f->err;
	}
	if (q->report.len)
		return no_image(q);
	describe_all(&there);
	if (disk || partition)
		return fail(q->fetch->fail, FAIL_MED_NO_DEVICE, -ENODEV, "%s%s%s%s%s; there is %s", disk ? "disk:" : "",
			    disk ? disk : "", disk && partition ? "," : "", partition ? "partition:" : "",
			    partition ? partition : "", there.len ? buf_cstr(&there) : "none at all");
	return fail(q->fetch->fail, FAIL_MED_NO_IMAGE, -ENODEV, "there is no %s%s%s", q->search->what,
		    there.len ? ", only " : "", buf_cstr(&there));
}

int media_search_fetch(struct fetch *f, const struct media_search *s)
{
	struct quest q = { .fetch = f, .search = s };
	cleanup_close int events = uevent_open();
	int64_t seconds;
	int err = options_number(f->options, KEY_TIMEOUT, 1, 86400, SEARCH_WAIT_S, &seconds, f->fail);

	if (!err) {
		err = look_until(&q, events, now_ms() + seconds * 1000);
		if (err == FOLDER_NO_IMAGE)
			err = report(&q);
	}
	for (size_t i = 0; i < q.done.count; i++)
		free(q.done.word[i]);
	free(q.done.word);
	buf_free(&q.report);
	return err;
}
