/* check_rows.c - a site -> what a look at programs, ports, firewall and image finds. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/check_rows.h"

#include "base/file.h"
#include "server/head/boot_files.h"
#include "server/head/files.h"
#include "server/head/ports.h"
#include "server/head/run.h"
#include "server/head/supervise.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- programs */

enum need { ALWAYS, TO_BUILD, TO_PACK, FOR_KA, FOR_NFS };

static const struct {
	const char *name, *package;
	enum need need;
} programs[] = {
	{ "dnsmasq", "dnsmasq-base", ALWAYS },
	{ "nginx", "nginx-light", ALWAYS },
	{ "mmdebstrap", "mmdebstrap", TO_BUILD },
	{ "mksquashfs", "squashfs-tools", TO_BUILD },
	{ "mksquashfs", "squashfs-tools", TO_PACK },
	{ "sqfs2tar", "squashfs-tools-ng", FOR_KA },
	{ "ganesha.nfsd", "nfs-ganesha nfs-ganesha-vfs", FOR_NFS },
};

static bool image_is_folder(const struct site *site)
{
	struct stat s;

	return site->image && stat(site->image, &s) == 0 && S_ISDIR(s.st_mode);
}

static bool is_needed(const struct site *site, enum need need)
{
	cleanup_free char *built = site_path(site, "images/debian.sqfs");

	switch (need) {
	case TO_BUILD:
		return !site->image && built && !file_is(built);
	case TO_PACK:
		return image_is_folder(site) && site->method != HEAD_KA;
	case FOR_KA:
		return site->method == HEAD_KA && !image_is_folder(site);
	case FOR_NFS:
		return site->method == HEAD_NFS;
	case ALWAYS:
		break;
	}
	return true;
}

enum check_result check_programs(struct site *site, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (is_needed(site, programs[i].need) && !program_find(programs[i].name, NULL))
			buf_printf(why, "%s%s is missing: apt-get install --no-install-recommends %s",
				   why->len ? "; " : "", programs[i].name, programs[i].package);
	return why->len ? CHECK_FAIL : CHECK_OK;
}

enum check_result check_loaders(struct site *site, struct buf *why)
{
	bool any = false;

	(void)site;
	for (const struct loader_file *f = loader_files; f->from; f++) {
		any |= file_is(f->from);
		if (!file_is(f->from) && !strstr(buf_cstr(why), f->package))
			buf_printf(why, "%s %s",
				   why->len ? "" : "not all boot loaders are there; they are in:", f->package);
	}
	return !any ? CHECK_FAIL : why->len ? CHECK_WARN : CHECK_OK;
}

/* ---- ports */

static const struct wanted_port {
	struct port port; /* its number is 0 where an option says it */
	int method;       /* -1: whatever it is */
	const char *what;
	const char *option; /* NULL: the number is as it is */
	size_t number;      /* where the option's is in struct site */
} ports[] = {
	{ { false, 67 }, -1, "DHCP", NULL, 0 },
	{ { false, 69 }, -1, "TFTP", NULL, 0 },
	{ { true, 0 }, -1, "HTTP", "http-port", offsetof(struct site, http_port) },
	{ { true, 0 }, -1, "the page", "page-port", offsetof(struct site, page_port) },
	{ { false, 0 }, -1, "syslog", "syslog-port", offsetof(struct site, syslog_port) },
	{ { true, 9995 }, HEAD_DOLLY, "dolly", NULL, 0 },
	{ { true, 30765 }, HEAD_KA, "ka", NULL, 0 },
	{ { true, 30764 }, HEAD_KA, "ka", NULL, 0 },
	{ { true, 2049 }, HEAD_NFS, "NFS", NULL, 0 },
};

/* True when the process is one that an earlier head-node left: it is taken over or ended. */
static bool is_left_over(const struct site *site, pid_t pid)
{
	static const char *const names[] = { "dnsmasq", "nginx", "dolly", "ka-d-server", "ganesha", "status" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_free char *path = str_printf("%s/run/%s", site->state, names[i]);
		cleanup_free char *text = path ? file_text(path) : NULL;
		pid_t old = text ? child_left_over(text) : 0;

		if (old > 0 && getpgid(pid) == old)
			return true;
	}
	return false;
}

/* The port's number; 0: it is not wanted. */
static uint16_t number_of(const struct site *site, const struct wanted_port *w)
{
	uint16_t number = w->port.number;

	if (w->option)
		memcpy(&number, (const char *)site + w->number, sizeof(number));
	return number;
}

static void check_port(const struct site *site, const struct wanted_port *w, struct buf *why)
{
	struct port p = { w->port.tcp, number_of(site, w) };
	unsigned long inode = p.number ? port_taken(&p, site->address) : 0;
	cleanup_buf struct buf name = { 0 };
	pid_t pid = inode ? port_owner(inode, &name) : 0;

	if (!inode || (pid && is_left_over(site, pid)))
		return;
	buf_printf(why, "%s%s port %u, for %s, is taken", why->len ? "; " : "", p.tcp ? "TCP" : "UDP", p.number,
		   w->what);
	if (pid)
		buf_printf(why, " by %s, process %d", buf_cstr(&name), (int)pid);
	if (w->option)
		buf_printf(why, " (--%s takes another one)", w->option);
}

enum check_result check_ports(struct site *site, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		if (ports[i].method >= 0 && ports[i].method != (int)site->method)
			continue;
		if (site->dhcp == HEAD_DHCP_NONE && ports[i].port.number == 67)
			continue;
		check_port(site, &ports[i], why);
	}
	return why->len ? CHECK_FAIL : CHECK_OK;
}

/* ---- the firewall */

bool firewall_drops(const char *rules)
{
	const char *hook = strstr(rules, "hook input");

	if (strstr(rules, "-P INPUT DROP") || strstr(rules, ":INPUT DROP"))
		return true;
	for (; hook; hook = strstr(hook + 1, "hook input")) {
		const char *end = strchr(hook, '\n'), *drop = strstr(hook, "policy drop");

		if (drop && (!end || drop < end))
			return true;
	}
	return false;
}

/* What a program prints, owned by the caller; NULL: it is not there, or fails. */
static char *words_of(const char *const argv[])
{
	char path[] = "/tmp/head-node.XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (program_find(argv[0], NULL) && run_program(argv, path) == 0)
		text = file_text(path);
	unlink(path);
	close(fd);
	return text;
}

enum check_result check_firewall(struct site *site, struct buf *why)
{
	static const char *const ask[][4] = { { "nft", "list", "ruleset" },
					      { "iptables-save" },
					      { "iptables-legacy-save" } };

	for (size_t i = 0; i < ARRAY_SIZE(ask); i++) {
		cleanup_free char *rules = words_of(ask[i]);

		if (!rules || !firewall_drops(rules) || strstr(rules, site->interface))
			continue;
		buf_printf(why,
			   "a firewall here drops what comes in (%s): the machines need UDP 67, 69, 4011 and what "
			   "TFTP answers from, TCP %u; for instance: %s -i %s -j ACCEPT",
			   ask[i][0], site->http_port, i == 2 ? "iptables-legacy -I INPUT" : "iptables -I INPUT",
			   site->interface);
		return CHECK_WARN;
	}
	return CHECK_OK;
}

/* ---- the image */

/* What the servers read is made of the image, or all of them are this very user. */
static bool only_we_read(const struct site *site)
{
	if (image_is_folder(site) || site->method == HEAD_NFS)
		return true;
	return site_one_user() && access(site->image, R_OK) == 0;
}

enum check_result check_image(struct site *site, struct buf *why)
{
	cleanup_free char *where = NULL;
	int err = site->image ? file_for_all(site->image, &where) : 0;

	if (err == -EACCES && only_we_read(site))
		err = 0;
	if (!err)
		return CHECK_OK;
	if (err == -EACCES)
		buf_printf(why, "%s is closed to others, and the web server runs as a user of its own: chmod o+r%s it",
			   where, streq(where, site->image) ? "" : "x");
	else
		buf_printf(why, "%s: %s", site->image, strerror(-err));
	return CHECK_FAIL;
}

int kernel_version(const char *path, char *out, size_t size)
{
	enum { MAGIC_AT = 0x202, POINTER_AT = 0x20e, HEADER = 0x200 };
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t head[0x220];
	ssize_t n;

	if (fd < 0 || pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head + MAGIC_AT, "HdrS", 4) != 0)
		return -EBADMSG;
	n = pread(fd, out, size - 1, HEADER + (head[POINTER_AT] | head[POINTER_AT + 1] << 8));
	if (n <= 0)
		return -EBADMSG;
	out[n] = '\0';
	out[strcspn(out, " \n")] = '\0';
	return *out ? 0 : -EBADMSG;
}

/* True when the squashfs PATH, or the folder, has the folder of the version's modules. */
static bool has_modules(const struct site *site, const char *image, const char *version)
{
	cleanup_free char *inside = str_printf("usr/lib/modules/%s", version);
	cleanup_free char *folder = str_printf("%s/lib/modules/%s", image, version);
	const char *const argv[] = { "unsquashfs", "-l", "-d", "", image, inside, NULL };
	cleanup_free char *list = NULL;

	if (!inside || !folder || file_is(folder))
		return true;
	if (image_is_folder(site))
		return false;
	list = words_of(argv);
	return !list || strstr(list, inside);
}

enum check_result check_modules(struct site *site, struct buf *why)
{
	cleanup_free char *kernel = str_printf("%s/vmlinuz", site->files),
			  *built = site_path(site, "images/debian.sqfs");
	const char *image = site->image ? site->image : built;
	char version[128];

	if (!kernel || !image || !file_is(image) || kernel_version(kernel, version, sizeof(version)) ||
	    has_modules(site, image, version))
		return CHECK_OK;
	buf_printf(why, "%s has no modules for kernel %s: machines have only the drivers that all.rdz loads", image,
		   version);
	return CHECK_WARN;
}

enum check_result check_nodes(struct site *site, struct buf *why)
{
	cleanup_free char *path = site_path(site, "nodes");
	cleanup_buf struct buf reason = { 0 };
	struct nodes nodes;
	int err = path ? nodes_read_file(path, &nodes, &reason) : -ENOMEM;

	if (!err) {
		nodes_free(&nodes);
		return CHECK_OK;
	}
	buf_printf(why, "%s: %s", path ? path : "nodes", buf_cstr(&reason));
	return CHECK_FAIL;
}
