/* image_versions.c - `head-node image ...` -> the versions of an image listed, one made current, removed, compared. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/buf.h"
#include "base/file.h"
#include "base/help.h"
#include "server/head/commands.h"
#include "server/head/site.h"
#include "server/head/versions.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] = "usage: head-node image [--state DIR] COMMAND ...\n"
			    "  list [NAME]                the images, or one's versions; * is the current one\n"
			    "  use NAME VERSION           VERSION is what nodes get from now on\n"
			    "  remove NAME VERSION        it goes; the current one does not\n"
			    "  diff NAME VERSION VERSION  the files and packages that changed\n"
			    "Images are folders: DIR/images/NAME/VERSION/root.*, and the link current in NAME.\n";

/* "head-node: WHAT: the words of ERR", and status 1. */
static int cannot(const char *what, int err)
{
	fprintf(stderr, "head-node: %s: %s\n", what, strerror(-err));
	return 1;
}

/* A name that stays in its folder. */
static bool is_name(const char *s)
{
	return *s && *s != '.' && !strchr(s, '/');
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What is shown of a folder: what has a name, without the link. */
static bool is_entry(const char *name)
{
	return is_name(name) && !streq(name, "current");
}

int versions_read(const char *folder, struct versions *v)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	*v = (struct versions){ 0 };
	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		char **names = is_entry(e->d_name) ? realloc(v->names, (v->count + 1) * sizeof(*names)) : NULL;

		if (!names)
			continue;
		v->names = names;
		names[v->count] = strdup(e->d_name);
		v->count += names[v->count] != NULL;
	}
	closedir(d);
	if (v->count)
		qsort(v->names, v->count, sizeof(*v->names), by_name);
	return 0;
}

void versions_free(struct versions *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->names[i]);
	free(v->names);
	*v = (struct versions){ 0 };
}

int versions_current(const char *folder, char *name, size_t size)
{
	cleanup_free char *link = str_printf("%s/current", folder);
	ssize_t n = link ? readlink(link, name, size - 1) : -1;

	name[MAX(n, 0)] = 0;
	return n >= 0 ? 0 : !link ? -ENOMEM : -errno;
}

/* The link changes in one step: whoever reads it finds the old version or the new one. */
int versions_use(const char *folder, const char *version)
{
	cleanup_free char *there = str_printf("%s/%s", folder, version), *link = str_printf("%s/current", folder),
			  *draft = str_printf("%s/.current.%d", folder, (int)getpid());
	struct stat st;

	if (!there || !link || !draft)
		return -ENOMEM;
	if (stat(there, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	unlink(draft);
	if (symlink(version, draft) < 0)
		return -errno;
	return rename(draft, link) < 0 ? -errno : 0;
}

/* The files of a version, which has no folders; then itself. */
static int remove_files(int folder, const char *version)
{
	cleanup_close int fd = openat(folder, version, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(dup(fd));
	struct dirent *e;

	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			unlinkat(fd, e->d_name, 0);
	}
	closedir(d);
	return unlinkat(folder, version, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* Under its hidden name first: what is half removed is no version. */
int versions_remove(const char *folder, const char *version)
{
	cleanup_free char *hidden = str_printf(".removed.%s", version);
	cleanup_close int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char current[256];

	if (!hidden || fd < 0)
		return fd < 0 ? -errno : -ENOMEM;
	if (!versions_current(folder, current, sizeof(current)) && streq(current, version))
		return -EBUSY;
	if (renameat(fd, version, fd, hidden) < 0)
		return -errno;
	return remove_files(fd, hidden);
}

/* One line of a listing: NAME, a tab, what it is. */
struct row {
	const char *line; /* not terminated */
	size_t name, len; /* bytes of NAME, and of the whole line */
};

static struct row row_at(const char *text)
{
	size_t len = strcspn(text, "\n"), name = strcspn(text, "\t\n");

	return (struct row){ text, name, len };
}

static const char *after(struct row r)
{
	return r.line + r.len + (r.line[r.len] == '\n');
}

/* As sort(1) has them in the C locale: by bytes, a shorter name first; what has ended comes last. */
static int compare(struct row a, struct row b)
{
	int order = memcmp(a.line, b.line, MIN(a.name, b.name));

	if (!*a.line || !*b.line)
		return !*a.line - !*b.line;
	return order ? order : (a.name > b.name) - (a.name < b.name);
}

void versions_diff(const char *old, const char *new, struct buf *out)
{
	while (*old || *new) {
		struct row a = row_at(old), b = row_at(new);
		int order = compare(a, b);

		if (order < 0)
			buf_printf(out, "- %.*s\n", (int)a.name, a.line);
		else if (order > 0)
			buf_printf(out, "+ %.*s\n", (int)b.name, b.line);
		else if (a.len != b.len || memcmp(a.line, b.line, a.len) != 0)
			buf_printf(out, "  %.*s: %.*s -> %.*s\n", (int)a.name, a.line,
				   (int)(a.len - MIN(a.len, a.name + 1)), a.line + MIN(a.len, a.name + 1),
				   (int)(b.len - MIN(b.len, b.name + 1)), b.line + MIN(b.len, b.name + 1));
		old = order <= 0 && *old ? after(a) : old;
		new = order >= 0 && *new ? after(b) : new;
	}
}

/* The size of a version: all its files, in MB. */
static int64_t size_of(const char *folder, const char *version)
{
	cleanup_free char *path = str_printf("%s/%s", folder, version);
	struct versions files;
	int64_t sum = 0;

	if (!path || versions_read(path, &files))
		return 0;
	for (size_t i = 0; i < files.count; i++) {
		cleanup_free char *file = str_printf("%s/%s", path, files.names[i]);
		struct stat st;

		if (file && stat(file, &st) == 0)
			sum += st.st_size;
	}
	versions_free(&files);
	return sum / 1000000;
}

static int list_versions(const char *folder)
{
	struct versions v;
	char current[256];
	int err = versions_read(folder, &v);

	if (err)
		return cannot(folder, err);
	if (versions_current(folder, current, sizeof(current)))
		*current = 0;
	for (size_t i = 0; i < v.count; i++)
		printf("%c %-24s %6lld MB\n", streq(v.names[i], current) ? '*' : ' ', v.names[i],
		       (long long)size_of(folder, v.names[i]));
	versions_free(&v);
	return 0;
}

static int list_images(const char *images)
{
	struct versions v;
	int err = versions_read(images, &v);

	if (err)
		return cannot(images, err);
	for (size_t i = 0; i < v.count; i++) {
		cleanup_free char *folder = str_printf("%s/%s", images, v.names[i]);
		char current[256];

		if (folder && !versions_current(folder, current, sizeof(current)))
			printf("%-24s %s\n", v.names[i], current);
	}
	versions_free(&v);
	return 0;
}

static int use(const char *folder, const char *version)
{
	int err = versions_use(folder, version);

	return err ? cannot(version, err) : 0;
}

static int remove_version(const char *folder, const char *version)
{
	int err = versions_remove(folder, version);

	if (err == -EBUSY)
		return fprintf(stderr, "head-node: %s is the current version: use another one first\n", version), 1;
	return err ? cannot(version, err) : 0;
}

/* One listing of both versions, compared. */
static int diff_file(const char *folder, const char *old, const char *new, const char *file)
{
	cleanup_free char *a = str_printf("%s/%s/%s", folder, old, file),
			  *b = str_printf("%s/%s/%s", folder, new, file);
	cleanup_free char *before = a ? file_text(a) : NULL, *now = b ? file_text(b) : NULL;
	cleanup_buf struct buf out = { 0 };

	if (!before || !now) {
		fprintf(stderr, "head-node: %s: there is no such file; prepare_diskless_image --store makes it\n",
			!before ? a : b);
		return 1;
	}
	versions_diff(before, now, &out);
	printf("%s:\n%s", file, out.len ? buf_cstr(&out) : "the same\n");
	return 0;
}

static int diff(const char *folder, const char *old, const char *new)
{
	return diff_file(folder, old, new, "packages") | diff_file(folder, old, new, "files");
}

/* COMMAND with its words; 2 when they are not what it takes. */
static int command(const char *images, int argc, char **argv)
{
	cleanup_free char *folder = argc > 1 ? str_printf("%s/%s", images, argv[1]) : NULL;

	for (int i = 1; i < argc; i++) {
		if (!is_name(argv[i]))
			return fprintf(stderr, "head-node: '%s' is no name\n", argv[i]), 2;
	}
	if (argc == 1 && streq(argv[0], "list"))
		return list_images(images);
	if (argc == 2 && streq(argv[0], "list"))
		return list_versions(folder);
	if (argc == 3 && streq(argv[0], "use"))
		return use(folder, argv[2]);
	if (argc == 3 && streq(argv[0], "remove"))
		return remove_version(folder, argv[2]);
	if (argc == 4 && streq(argv[0], "diff"))
		return diff(folder, argv[2], argv[3]);
	return 2;
}

int head_image(int argc, char **argv)
{
	bool told = argc > 2 && streq(argv[1], "--state");
	cleanup_free char *images = str_printf("%s/images", told ? argv[2] : HEAD_STATE);
	int skip = told ? 3 : 1, status;

	if (help_given(argc, argv, "head-node image", usage))
		return 0;
	status = argc > skip && images ? command(images, argc - skip, argv + skip) : 2;
	if (status == 2)
		fputs(usage, stderr);
	return status;
}
