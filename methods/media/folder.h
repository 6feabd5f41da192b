/* folder.h - a folder of files (a mounted medium or export) -> the image file in it -> the sink. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_MEDIA_FOLDER_H
#define METHODS_MEDIA_FOLDER_H

#include "methods/method.h"

#include <sys/stat.h>

/* A folder below which files are looked for. The strings are not owned. */
struct folder {
	int fd;            /* the folder, opened */
	const char *words; /* its name for a person: "sda1", "10.0.1.21:/export" */
};

/* A folder to mount on, its name to be freed: PATH, or where that is NULL a new one. NULL with errno. */
char *folder_make_mount_point(const char *path);

/* Opens the first of the files that O names (method_paths) below the folder ROOT; *FOUND is its path, to be freed, ST
 * what fstat says. The descriptor; -ENOENT where none is there; else -errno. */
int folder_open_image(const struct options *o, int root, char **found, struct stat *st) must_check;

/* The names in the folder FD, sorted; FD is used up, and its -errno handed on. Free both the words and the array. 0 or
 * -errno. */
int folder_list(int fd, struct words *names) must_check;

/* True for names that end in ".iso". */
bool folder_is_iso(const char *name);

/* Mounts the ISO file FD, called WORDS, read-only at POINT; umount(2) takes all of it back. 0, or -errno with F. */
int folder_mount_iso(int fd, const char *words, const char *point, struct failure *f) must_check;

/* Copies the SIZE bytes of FD, called WORDS, into F->sink. 0 or -errno with F->fail. */
int folder_copy_file(struct fetch *f, int fd, int64_t size, const char *words) must_check;

/* Looks below T for the image that F->options name (method_paths) and copies it into F->sink. Where it is not there,
 * but directory: is an ISO file or a folder with ISO files in it, looks into those; where it is a whole system, that is
 * F->found. With F->in_place an image is not copied, but F->found, and an ISO file it is in stays mounted; else nothing
 * does. 0; FOLDER_NO_IMAGE, silently, where T has no image (WHAT_IS_THERE gets the names that are there instead, for a
 * person); else -errno with F->fail filled. */
#define FOLDER_NO_IMAGE 1
int folder_fetch(struct fetch *f, const struct folder *t, struct buf *what_is_there) must_check;

#endif
