/* nfs.c - method nfs: server:, directory:, image: -> the file from an export, by the kernel's own NFS client. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/confined.h"
#include "image/image.h"
#include "methods/nfs/mount.h"
#include "methods/retrieve/reader.h"
#include "methods/media/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

/* To mount and to look for the file may take so much longer than to connect. */
#define OPEN_MORE_MS 5000

/* One try, as its reader is told. */
struct visit {
	struct transfer *t;
	const struct place *at;
	const char *folder; /* to be mounted */
	const char *name;   /* the file in it */
	const char *point;  /* where it is mounted, for the reader alone or for the root */
	const char *iso;    /* where an ISO file on it is */
	char *what;         /* the URL, for words */
};

/* ---- in the reader */

/* The card's hardware address, which no other node has. */
static const char *unique_name(const struct network *net, char text[static 32])
{
	if (!net)
		return NULL; /* a running system has a host name of its own */
	snprintf(text, 32, "stage1-%02x%02x%02x%02x%02x%02x", net->mac[0], net->mac[1], net->mac[2], net->mac[3],
		 net->mac[4], net->mac[5]);
	return text;
}

/* Mounts E at POINT with what F has to say to that. 0 or -errno with FAILURE filled. */
static int mount_export(const struct fetch *f, struct nfs_export *e, const char *point, struct failure *failure)
{
	cleanup_free char *options = nfs_read_options(f->options->value[KEY_OPTIONS], &e->flags);
	char unique[32];

	if (!options)
		return fail(failure, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for mount options");
	e->options = options;
	e->unique = unique_name(f->net, unique);
	return nfs_mount(e, point, failure);
}

/* Mounts the folder and opens it. The descriptor, or -errno with F filled. */
static int open_folder(const struct visit *v, struct failure *f)
{
	struct nfs_export e = {
		.host = v->at->host,
		.address = v->at->address,
		.port = v->at->port,
		.folder = v->folder,
		.timeout_ms = v->t->timeout_ms,
		.connect_ms = v->at->connect_ms,
		.stays = v->t->fetch->in_place,
		.writable = v->t->fetch->writable,
	};
	int err = mount_export(v->t->fetch, &e, v->point, f), fd;

	if (err)
		return err;
	fd = open(v->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(f, FAIL_SRV_ERROR, -errno, "%s: %s", v->what, err_text(errno)) : fd;
}

/* WHAT cannot be opened because of ERR. */
static int open_failed(const char *what, int err, struct failure *f)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
		return fail(f, FAIL_SRV_NOT_FOUND, err, "%s: %s", what, err_text(err));
	case -EACCES:
	case -EPERM:
		return fail(f, FAIL_SRV_DENIED, err, "%s: %s (it must be readable for everybody)", what, err_text(err));
	default:
		return fail(f, FAIL_SRV_ERROR, err, "%s: %s", what, err_text(err));
	}
}

static int open_file(void *ctx, struct failure *f)
{
	const struct visit *v = ctx;
	cleanup_close int folder = open_folder(v, f);
	struct stat st;
	int fd;

	if (folder < 0)
		return folder;
	fd = confined_open(folder, v->name, O_RDONLY);
	if (fd < 0)
		return open_failed(v->what, fd, f);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return fail(f, FAIL_SRV_NOT_FOUND, -EISDIR, "%s is no file", v->what);
}

/* Mounts the ISO file NAME and opens the image in it. */
static int open_in_iso(const struct visit *v, int folder, const char *name, struct failure *f)
{
	struct options inside = *v->t->fetch->options;
	cleanup_free char *found = NULL;
	cleanup_close int iso = confined_open(folder, name, O_RDONLY), root = -1;
	struct stat st;
	int err = iso < 0 ? open_failed(name, iso, f) : folder_mount_iso(iso, name, v->iso, f), fd;

	if (err)
		return err;
	inside.value[KEY_DIRECTORY] = NULL; /* it led to the ISO file */
	root = open(v->iso, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = folder_open_image(&inside, root, &found, &st);
	if (fd >= 0)
		return fd;
	base_close_fd(&root);
	umount(v->iso);
	return open_failed(found ? found : name, fd, f);
}

/* Where only bytes are of use, a tree is nothing to go on with. 0, or -errno with F. */
static int refuse_tree(const struct visit *v, int folder, struct failure *f)
{
	const struct options *o = v->t->fetch->options;
	cleanup_close int fd = confined_open(folder, v->name, O_RDONLY);
	struct fetch fetch = *v->t->fetch;

	if (fetch.found || fd < 0 || !found_may_be_tree(o) || !found_is_tree(o, fd))
		return 0;
	fetch.fail = f;
	return found_tree(&fetch, fd, v->what);
}

/* directory: is an ISO file, or a folder with ISO files of which one has the image. */
static int open_by_iso(void *ctx, struct failure *f)
{
	const struct visit *v = ctx;
	cleanup_close int folder = open_folder(v, f);
	struct words names;
	int fd;

	if (folder < 0)
		return folder;
	if (folder_is_iso(v->name))
		return open_in_iso(v, folder, v->name, f);
	fd = refuse_tree(v, folder, f);
	if (!fd)
		fd = folder_list(confined_open(folder, v->name, O_RDONLY), &names);
	if (fd < 0)
		return f->id == FAIL_CMD_BAD_VALUE ? fd : open_failed(v->what, fd, f);
	fd = -ENOENT;
	for (size_t i = 0; i < names.count && fd < 0; i++) {
		cleanup_free char *path = str_printf("%s/%s", v->name, names.word[i]);

		if (path && folder_is_iso(path))
			fd = open_in_iso(v, folder, path, f);
	}
	return fd == -ENOENT ? open_failed(v->what, fd, f) : fd; /* the reader's memory ends with it */
}

/* ---- in the child that looks where it lies */

static int look_at(int fd, enum found_kind kind, const struct visit *v, struct found *found, struct failure *f)
{
	int err = fd < 0 ? fd : found_set(found, kind, fd, v->what, f);

	if (!err && v->t->fetch->in_place)
		err = nfs_check_owners(v->point, v->what, f);
	base_close_fd(&fd);
	return err;
}

static int look_for_file(void *ctx, struct found *found, struct failure *f)
{
	return look_at(open_file(ctx, f), FOUND_FILE, ctx, found, f);
}

static int look_for_file_by_iso(void *ctx, struct found *found, struct failure *f)
{
	return look_at(open_by_iso(ctx, f), FOUND_FILE, ctx, found, f);
}

/* The folder is mounted itself: what is above it may not be exported. */
static int look_for_tree(void *ctx, struct found *found, struct failure *f)
{
	const struct visit *v = ctx;
	int fd = open_folder(v, f);

	if (fd >= 0 && !found_is_tree(v->t->fetch->options, fd)) {
		close(fd);
		return fail(f, FAIL_SRV_NOT_FOUND, -ENOENT, "%s is no whole system (no /sbin/init)", v->what);
	}
	return look_at(fd, FOUND_TREE, v, found, f);
}

/* ---- one try */

/* Mounts FOLDER of AT, and has NAME in it read by OPEN, or where that is NULL looked at by LOOK. WHAT names it. */
static int visit(struct visit *v, reader_open_fn *open_it, reader_look_fn *look, struct failure *f)
{
	const struct fetch *fetch = v->t->fetch;
	cleanup_free char *point = folder_make_mount_point(look ? IMAGE_MEDIA : NULL);
	cleanup_free char *iso = folder_make_mount_point(look ? IMAGE_ISO : point);
	int64_t open_ms = v->at->connect_ms + OPEN_MORE_MS;
	int err;

	if (!v->folder || !v->what)
		return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for the name of an export");
	if (!point || !iso)
		return fail(f, FAIL_MED_MOUNT, -errno, "no folder to mount on: %s", err_text(errno));
	v->point = point;
	v->iso = iso;
	err = look ? reader_look(fetch->watch, look, v, open_ms, v->what, fetch->found, f)
		   : reader_get(v->t, v->at, open_it, v, open_ms, v->what, f);
	if (!look)
		rmdir(point);
	return err;
}

/* The folder that PATH is in is mounted, since an export need not begin where directory: does. */
static int visit_file(struct transfer *t, const struct place *at, const char *path, reader_open_fn *open_it,
		      reader_look_fn *look, struct failure *f)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *folder = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	cleanup_free char *what = str_printf("nfs://%s%s", at->host, path);
	struct visit v = { .t = t, .at = at, .folder = folder, .name = slash + 1, .what = what };

	return visit(&v, open_it, look, f);
}

/* directory: with one slash before it and none behind, to be freed; PATH is what method_paths makes of it. */
static char *clean_directory(const struct transfer *t)
{
	const char *directory = t->fetch->options->value[KEY_DIRECTORY];
	char *clean = str_printf("/%s", directory ? directory + strspn(directory, "/") : "");
	size_t len = clean ? strlen(clean) : 0;

	while (len > 1 && clean[len - 1] == '/')
		clean[--len] = '\0';
	return clean;
}

static int nfs_get(struct transfer *t, const struct place *at, const char *path, struct failure *f)
{
	return visit_file(t, at, path, open_file, t->fetch->in_place ? look_for_file : NULL, f);
}

static int nfs_get_by_iso(struct transfer *t, const struct place *at, const char *path, struct failure *f)
{
	cleanup_free char *clean = clean_directory(t);

	(void)path;
	if (!clean)
		return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for the name of a folder");
	return visit_file(t, at, clean, open_by_iso, t->fetch->in_place ? look_for_file_by_iso : NULL, f);
}

static int nfs_get_tree(struct transfer *t, const struct place *at, const char *path, struct failure *f)
{
	cleanup_free char *clean = clean_directory(t);
	cleanup_free char *what = clean ? str_printf("nfs://%s%s", at->host, clean) : NULL;
	struct visit v = { .t = t, .at = at, .folder = clean, .name = "", .what = what };

	(void)path;
	return visit(&v, NULL, look_for_tree, f);
}

/* In the order in which they are tried. */
static const struct protocol ways[] = {
	{ .scheme = "nfs", .get = nfs_get },
	{ .scheme = "nfs", .get = nfs_get_tree },
	{ .scheme = "nfs", .get = nfs_get_by_iso },
};
enum { WAY_FILE, WAY_TREE, WAY_ISO };

static bool has_way(const struct fetch *f, size_t way)
{
	if (way == WAY_TREE)
		return f->found && found_may_be_tree(f->options);
	return way == WAY_FILE || f->options->value[KEY_DIRECTORY];
}

static int nfs_fetch(struct fetch *f)
{
	struct failure plain = { 0 }, tree = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		if (!has_way(f, i))
			continue;
		if (retrieve(f, &ways[i]) == 0)
			return 0;
		if (f->fail->id != FAIL_SRV_NOT_FOUND)
			return f->fail->err;
		if (i == WAY_FILE)
			plain = *f->fail;
		if (i == WAY_TREE)
			tree = *f->fail;
	}
	/* that it is no ISO file either is not what a person needs to hear */
	return fail(f->fail, plain.id, plain.err, "%s%s%s", plain.detail, tree.id ? "; and " : "", tree.detail);
}

/* The folder that directory: names; where that is an ISO file or the classic tree, the folder it is in. */
static int mount_directory(const struct fetch *f, const char *point, const char **below)
{
	const char *value = f->options->value[KEY_DIRECTORY] ? f->options->value[KEY_DIRECTORY] : "";
	cleanup_free char *tree = f->origin.tree ? method_tree_folder(value) : strdup(value);
	const char *directory = tree ? tree + strspn(tree, "/") : "", *slash = strrchr(value, '/');
	size_t len = strlen(directory);
	cleanup_free char *folder = NULL;
	struct nfs_export e = {
		.host = f->origin.host,
		.address = &f->origin.address,
		.port = f->origin.port,
		.timeout_ms = RETRIEVE_TIMEOUT_S * 1000,
		.connect_ms = RETRIEVE_TIMEOUT_S * 1000,
	};

	*below = "";
	if (folder_is_iso(directory)) {
		*below = slash ? slash + 1 : value; /* it stays when TREE goes */
		len -= strlen(*below);
	}
	while (len && directory[len - 1] == '/')
		len--;
	folder = tree ? str_printf("/%.*s", (int)len, directory) : NULL;
	if (!folder)
		return fail(f->fail, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for the name of a folder");
	e.folder = folder;
	return mount_export(f, &e, point, f->fail);
}

static const enum option_key nfs_required[] = { KEY_SERVER, KEY_COUNT };
static const enum option_key nfs_optional[] = { KEY_DIRECTORY, KEY_IMAGE, KEY_OPTIONS, KEY_COUNT };

const struct method method_nfs = {
	.name = "nfs",
	.title = "NFS server",
	.needs = METHOD_NEEDS_NETWORK,
	.stays = true,
	.required = nfs_required,
	.optional = nfs_optional,
	.fetch = nfs_fetch,
	.mount = mount_directory,
};
