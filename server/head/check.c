/* check.c - a site -> what would fail once it is served, before anything starts: one table. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/check.h"

#include "base/help.h"
#include "base/version.h"
#include "net/address.h"
#include "server/head/check_rows.h"
#include "server/head/commands.h"
#include "server/head/files.h"
#include "server/head/look.h"
#include "server/head/say.h"

#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define ROOM_MB       100  /* for boot files, leases and logs */
#define ROOM_IMAGE_MB 1000 /* for an image that is built */

/* ---- rights, the interface and its network */

static enum check_result check_rights(struct site *site, struct buf *why)
{
	cleanup_close int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	(void)site;
	if (fd >= 0)
		return CHECK_OK;
	buf_printf(why,
		   "no rights for raw frames and for ports below 1024 (%s): run this as root, or install it: "
		   "head-node install",
		   strerror(errno));
	return CHECK_FAIL;
}

static void add_interfaces(struct buf *out)
{
	struct if_nameindex *all = if_nameindex();

	for (const struct if_nameindex *i = all; i && i->if_index; i++)
		buf_printf(out, " %s", i->if_name);
	if (all)
		if_freenameindex(all);
}

static enum check_result check_interface(struct site *site, struct buf *why)
{
	if (site_look(site) != -ENODEV)
		return CHECK_OK;
	buf_printf(why, "there is no interface %s; there are:", site->interface);
	add_interfaces(why);
	return CHECK_FAIL;
}

static enum check_result check_link(struct site *site, struct buf *why)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = { 0 };

	if (fd < 0 || str_copy(r.ifr_name, sizeof(r.ifr_name), site->interface) || ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		return CHECK_OK; /* the row above says so */
	if (!(r.ifr_flags & IFF_UP) && !site->wish.s_addr) {
		buf_printf(why, "%s is switched off: ip link set %s up", site->interface, site->interface);
		return CHECK_FAIL;
	}
	if ((r.ifr_flags & IFF_UP) && !(r.ifr_flags & IFF_RUNNING)) {
		buf_printf(why, "%s has no link: is the cable in, is the switch on?", site->interface);
		return CHECK_FAIL;
	}
	return CHECK_OK;
}

static enum check_result check_address(struct site *site, struct buf *why)
{
	if (site_look(site) != -EADDRNOTAVAIL || site->wish.s_addr)
		return CHECK_OK;
	buf_printf(why, "%s has no IPv4 address: --address 10.0.1.1/24 gives it one for as long as this runs",
		   site->interface);
	return CHECK_FAIL;
}

static enum check_result check_range(struct site *site, struct buf *why)
{
	char a[ADDRESS_TEXT_SIZE], b[ADDRESS_TEXT_SIZE];
	int err = site_look(site);
	uint32_t size = ntohl(site->last.s_addr) - ntohl(site->first.s_addr) + 1;

	if (err == -ERANGE) {
		buf_printf(why, "the range %s to ", address_text(site->first, a));
		buf_printf(why, "%s is not of the network of ", address_text(site->last, b));
		buf_printf(why, "%s/%u", address_text(site->address, a), site->prefix);
		return CHECK_FAIL;
	}
	if (err || !site->nodes || size >= site->nodes)
		return CHECK_OK;
	buf_printf(why, "%u machines are to get %u addresses", site->nodes, size);
	return CHECK_FAIL;
}

/* ---- files and folders */

static enum check_result check_boot(struct site *site, struct buf *why)
{
	static const char *const names[] = { "vmlinuz", "all.rdz" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_free char *path = str_printf("%s/%s", site->files, names[i]);

		if (path && access(path, R_OK) == 0)
			continue;
		buf_printf(why, "%s/%s: %s; make builds it, --boot DIR says where it is", site->files, names[i],
			   strerror(errno));
		return CHECK_FAIL;
	}
	return CHECK_OK;
}

/* The nearest folder above the state folder that is there already. */
static char *existing_part(const char *path)
{
	char *copy = strdup(path);

	while (copy && *copy && !file_is(copy)) {
		char *slash = strrchr(copy, '/');

		if (!slash || slash == copy)
			copy[slash == copy ? 1 : 0] = '\0';
		else
			*slash = '\0';
	}
	return copy;
}

static enum check_result check_state(struct site *site, struct buf *why)
{
	cleanup_free char *there = existing_part(site->state), *where = NULL;

	if (!there || access(there, W_OK | X_OK) < 0) {
		buf_printf(why, "%s: nothing can be written there: %s", there ? there : "", strerror(errno));
		return CHECK_FAIL;
	}
	if (!site_one_user() && file_for_all(there, &where)) {
		buf_printf(why,
			   "%s is closed to others, and the servers run as users of their own: chmod o+rx it, or "
			   "--state DIR",
			   where);
		return CHECK_FAIL;
	}
	return CHECK_OK;
}

static enum check_result check_room(struct site *site, struct buf *why)
{
	cleanup_free char *there = existing_part(site->state), *built = site_path(site, "images/debian.sqfs");
	int64_t need = !site->image && built && !file_is(built) ? ROOM_IMAGE_MB : ROOM_MB, free_mb;
	struct statvfs v;

	if (!there || statvfs(there, &v) < 0)
		return CHECK_OK; /* the row above says so */
	free_mb = (int64_t)v.f_bavail * (int64_t)v.f_frsize / MIB;
	if (free_mb >= need)
		return CHECK_OK;
	buf_printf(why, "%s: %lld MB are free, about %lld are needed", there, (long long)free_mb, (long long)need);
	return CHECK_FAIL;
}

static enum check_result check_clock(struct site *site, struct buf *why)
{
	struct tm t = { 0 };
	time_t now = time(NULL);
	char text[32] = "";

	(void)site;
	if (now >= STAGE1_RELEASED)
		return CHECK_OK;
	gmtime_r(&now, &t);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &t);
	buf_printf(why,
		   "the clock says %s, which was before this version was made: date -s, or is there an NTP server?",
		   text);
	return CHECK_FAIL;
}

static enum check_result check_dhcp(struct site *site, struct buf *why)
{
	struct look look;
	bool open = site->dhcp == HEAD_DHCP_AUTO;

	if (site_look(site) || look_for_dhcp(site, open ? LOOK_LONG_MS : LOOK_SHORT_MS, &look) || look.count == 0)
		return CHECK_OK;
	buf_str(why, "a DHCP server is there: ");
	for (size_t i = 0; i < look.count; i++) {
		buf_str(why, i > 0 ? "; " : "");
		look_describe(&look.offer[i], why);
	}
	if (look_gives_addresses(&look))
		buf_str(why, site->dhcp == HEAD_DHCP_OWN ? "; two of them give the machines addresses of both"
							 : "; this one will be a proxy beside it");
	return site->dhcp == HEAD_DHCP_OWN && look_gives_addresses(&look) ? CHECK_FAIL : CHECK_WARN;
}

/* ---- the table */

static const struct {
	const char *name;
	enum check_result (*look)(struct site *site, struct buf *why);
	enum check_when when; /* CHECK_ALL: takes long, or serve looks by itself */
} rows[] = {
	{ "rights", check_rights, CHECK_BEFORE },      { "interface", check_interface, CHECK_BEFORE },
	{ "link", check_link, CHECK_BEFORE },          { "address", check_address, CHECK_BEFORE },
	{ "range", check_range, CHECK_BEFORE },        { "programs", check_programs, CHECK_BEFORE },
	{ "boot files", check_boot, CHECK_BEFORE },    { "boot loaders", check_loaders, CHECK_BEFORE },
	{ "state folder", check_state, CHECK_BEFORE }, { "room", check_room, CHECK_BEFORE },
	{ "ports", check_ports, CHECK_BEFORE },        { "firewall", check_firewall, CHECK_BEFORE },
	{ "clock", check_clock, CHECK_BEFORE },        { "image", check_image, CHECK_BEFORE },
	{ "modules", check_modules, CHECK_ALL },       { "nodes file", check_nodes, CHECK_ALL },
	{ "DHCP servers", check_dhcp, CHECK_ALL },
};

static void say_row(const char *name, enum check_result r, const char *why, enum check_when when)
{
	static const char *const verdict[] = { "ok", "NOTE", "FAILS" };

	if (when == CHECK_ALL)
		printf("%-13s %-6s%s%s\n", name, verdict[r], *why ? " " : "", why);
	else if (r != CHECK_OK)
		head_say("%s%s", why, r == CHECK_WARN ? " (it goes on)" : "");
}

unsigned check_all(struct site *site, enum check_when when)
{
	unsigned failed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf why = { 0 };
		enum check_result r;

		if (rows[i].when > when)
			continue;
		r = rows[i].look(site, &why);
		failed += r == CHECK_FAIL;
		say_row(rows[i].name, r, buf_cstr(&why), when);
	}
	return failed;
}

int head_check(int argc, char **argv)
{
	cleanup_free char *help = str_printf("usage: head-node check --interface IF ...\n%s"
					     "Exit status: 0 nothing would fail; 1 something would; 2 wrong usage.\n",
					     site_usage);
	struct site site = { 0 };
	int status = 2;

	if (!help || help_given(argc, argv, "head-node check", help))
		return help ? 0 : 1;
	if (site_parse(argc, argv, &site))
		fputs(help, stderr);
	else if (site_find_files(&site) == 0)
		status = check_all(&site, CHECK_ALL) > 0;
	site_free(&site);
	return status;
}
