/* method.h - the arrow "network -> method -> source": options and network -> the bytes or the tree of stage2. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_METHOD_H
#define METHODS_METHOD_H

#include "base/failure.h"
#include "base/watch.h"
#include "image/sink.h"
#include "net/net.h"
#include "options/options.h"

/* Where the image came from, for a next system that goes on reading there (an installer its packages). {0}: not known.
 * Strings are owned by the struct. */
struct origin {
	char *words;                 /* what the image is called: "http://10.0.1.21/root.sqfs", "sda1:/root.sqfs" */
	char *host;                  /* a server: as in server:, without its port */
	uint16_t port;               /* of its service; 0: the usual one */
	struct peer_address address; /* of HOST, or of the proxy */
	char *path;                  /* the image on HOST: one of method_paths */
	char *device;                /* a disk, partition or disc: "sda1" */
	const char *type;            /* its file system, for mount(2) */
	bool tree;                   /* no image: directory: is a whole system itself */
};

/* What a method found where it lies, for a root that uses it there, or copies a whole tree from there. What it is on is
 * mounted at IMAGE_MEDIA (image/image.h), and an ISO file in between at IMAGE_ISO. */
struct found {
	enum found_kind {
		FOUND_NOTHING,
		FOUND_FILE, /* an image */
		FOUND_TREE, /* a folder with a whole system in it */
	} kind;
	char path[1024]; /* where it is, without links */
	char words[200]; /* what it is called: "sda1:/images/root.sqfs", "nfs://10.0.1.21/srv/root" */
};

/* What a method is given. Nothing in it belongs to the method. */
struct fetch {
	const struct options *options;
	const struct network *net; /* NULL: the running system's own network (stage1-fetch) */
	struct sink *sink;         /* where the bytes go */
	struct watch *watch;       /* may be NULL */
	struct failure *fail;      /* filled on failure */
	bool raw;                  /* the sink keeps the bytes as they come: no decompressor looks at them */
	/* Loads the drivers of devices that were plugged in meanwhile, without waiting. NULL where drivers
	 * are somebody else's business (stage1-fetch). */
	void (*new_devices)(void *ctx);
	void *new_devices_ctx;
	/* Filled with what is used where it lies; NULL where only bytes are of use (stage1-fetch). A tree is never
	 * bytes: it is always answered here. */
	struct found *found;
	/* an image is not to be copied either: FOUND tells where it is, and the sink (NULL) gets nothing */
	bool in_place;
	bool writable;        /* it is to be written to there */
	char server[48];      /* filled by a method that finds its server itself: the address; else "" */
	struct origin origin; /* filled by a method that brought the image, where it can tell; origin_free */
};

/* What a method needs before it can run. */
enum method_needs {
	METHOD_NEEDS_NETWORK = 1 << 0,
	METHOD_NEEDS_STORAGE = 1 << 1,
};

/* One method. Each lives in one file of methods/, as a const struct at its end; those that are a program of their own
 * in outside.c. It never touches a screen and never asks: it reports what it lacks. */
struct method {
	const char *name;  /* of method: */
	const char *title; /* for menus: "HTTP server" */
	unsigned needs;    /* of enum method_needs */
	bool stays;        /* what it brings can be used where it lies: it knows struct found */
	bool alone;        /* it brings the one image that it is offered: no file can be asked for beside it */
	/* Keys that must have a value, ended by KEY_COUNT; the flow asks for them or reports them. */
	const enum option_key *required;
	/* Keys a person at the console is asked for besides, ended by KEY_COUNT; NULL for none. */
	const enum option_key *optional;
	/* Brings the whole image into f->sink, retries and mirrors included, or fills f->found. 0: every byte is there
	 * and the sink's finish succeeded, or f->found->kind says what was found; else -errno with f->fail filled, and
	 * nothing stays mounted. */
	int (*fetch)(struct fetch *f);
	/* After a fetch: mounts, read-only at POINT, what F->origin says the image came from (with F->in_place that is
	 * mounted at IMAGE_MEDIA already); *BELOW is the part of directory: that leads on from there (owned by the
	 * options; "" for none). May hang as long as a server is silent. 0 or -errno with F->fail filled. NULL for
	 * methods that have nothing to mount. */
	int (*mount)(const struct fetch *f, const char *point, const char **below);
};

/* All methods in menu order, NULL at the end (methods/methods.c). */
extern const struct method *const methods[];

/* The method called NAME, NULL when there is none. */
const struct method *method_find(const char *name);

/* All that can be refused from O alone (methods/check/check.c), for M: 0; -EINVAL with F filled: FAIL_CMD_BAD_VALUE
 * where a value that M reads cannot be, FAIL_CMD_MISSING with every key named that M requires; or -EOPNOTSUPP
 * (FAIL_CMD_BAD_VALUE) where it asks for what nobody does. The network's own values are net_wish_read's. Pure. */
int method_check(const struct method *m, const struct options *o, struct failure *f) must_check;

/* True where a folder may be a whole system for O: where image: is not given, but directory: is, or a root: that stays
 * where it is. The system on a disk that merely lies about is not meant. */
bool found_may_be_tree(const struct options *o);

/* The program to start in the tree FD: init= of O, and only that where it is given; else the first of the usual ones
 * that is there. Links are followed as they will be there. NULL where there is none. */
const char *found_init(const struct options *o, int fd);

/* True when PATH in the tree FD is a program. */
bool found_is_program(int fd, const char *path);

/* True when the folder FD holds a whole system: a program to start, or the classic installer. */
bool found_is_tree(const struct options *o, int fd);

/* Fills FOUND: KIND, the file or folder FD has open, called WORDS. 0, or -errno with F. */
int found_set(struct found *found, enum found_kind kind, int fd, const char *words, struct failure *f) must_check;

/* The folder FD, called WORDS, is a whole system: F->found. 0, or -errno with F->fail where only bytes are of use. */
int found_tree(const struct fetch *f, int fd, const char *words) must_check;

/* Takes back what FOUND is on, where something is mounted there, and empties it. */
void found_release(struct found *found);

/* Paths of stage2 to try below directory:, in order: image: where given, else the classic name (rescue or not),
 * each first plain, then with the machine's architecture appended to the directory. *COUNT strings, each to be freed,
 * and the array too. 0 or -ENOMEM. */
int method_paths(const struct options *o, char ***paths, size_t *count) must_check;

/* The file of stage2 as image: names it, or the classic one. Owned by O, or a constant. */
const char *method_file(const struct options *o);

/* The folder of PATH, one of method_paths, in which image: or the classic name begins: "/pub/x86_64" of
 * "/pub/x86_64/install/stage2/mdkinst.sqfs", "" for the top. To be freed; NULL when memory ran out. */
char *method_folder(const struct options *o, const char *path) must_check;

/* The folder in which FOLDER, a whole system, is the classic install/stage2/live: "/pub" of
 * "/pub/install/stage2/live/". To be freed; what is elsewhere stays as it is, without slashes at its end. NULL when
 * memory ran out. */
char *method_tree_folder(const char *folder) must_check;

void origin_free(struct origin *o);

#endif
