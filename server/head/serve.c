/* serve.c - `head-node serve`: an interface -> all that boots the machines on it, until a signal ends it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packages: dnsmasq-base nginx-light squashfs-tools-ng nfs-ganesha nfs-ganesha-vfs */
#include "base/help.h"
#include "server/head/commands.h"
#include "server/head/service.h"

#include "net/address.h"
#include "net/interface.h"
#include "server/head/check.h"
#include "server/head/files.h"
#include "server/head/image.h"
#include "server/head/look.h"
#include "server/head/say.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

/* One head-node for one state folder. The lock goes with this process, however it ends. */
static int lock_state(const struct site *site)
{
	cleanup_free char *path = site_path(site, "lock");
	int fd, err = folder_make(site->state);

	if (err || !path) {
		head_say("%s: %s", site->state, strerror(-err));
		return -1;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (fd >= 0 && errno == EWOULDBLOCK)
		head_say("%s is served already, by another head-node", site->state);
	else
		head_say("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* --address: for as long as this program runs. */
static int change_address(const struct site *site, bool add)
{
	struct netlink nl;
	int index = (int)site->ifindex, err = netlink_open(&nl, 0);

	if (err)
		return err;
	err = interface_set_up(&nl, index, true);
	if (!err && add)
		err = interface_add_address(&nl, index, site->wish, site->wish_prefix,
					    broadcast_of(site->wish, site->wish_prefix), (struct in_addr){ 0 },
					    UINT32_MAX);
	else if (!err)
		err = interface_flush_addresses(&nl, index, AF_INET);
	netlink_close(&nl);
	return err;
}

/* The interface has an address, if need be the one that was asked for. */
static int have_address(struct site *site)
{
	int err = site_look(site);

	if (err == -EADDRNOTAVAIL && site->wish.s_addr) {
		err = change_address(site, true);
		site->wish_set = !err;
		if (err)
			head_say("%s: its address cannot be set: %s", site->interface, strerror(-err));
		err = err ? err : site_look(site);
	}
	return err;
}

static void say_offers(const struct site *site, const struct look *look)
{
	for (size_t i = 0; i < look->count; i++) {
		cleanup_buf struct buf words = { 0 };

		look_describe(&look->offer[i], &words);
		head_say("%s: a DHCP server is there: %s", site->interface, buf_cstr(&words));
	}
	if (look->count == 0)
		head_say("%s: no DHCP server answers", site->interface);
}

/* Who answers DHCP: what was asked for, or what the wire shows. */
static int decide_dhcp(struct site *site)
{
	struct look look;
	bool open = site->dhcp == HEAD_DHCP_AUTO;
	int err = look_for_dhcp(site, open ? LOOK_LONG_MS : LOOK_SHORT_MS, &look);

	if (err) {
		head_say("%s: the look for DHCP servers failed: %s", site->interface, strerror(-err));
		return err;
	}
	say_offers(site, &look);
	if (site->dhcp == HEAD_DHCP_AUTO)
		site->dhcp = look_gives_addresses(&look) ? HEAD_DHCP_PROXY : HEAD_DHCP_OWN;
	else if (site->dhcp == HEAD_DHCP_OWN && look_gives_addresses(&look))
		head_say("two DHCP servers on one network: --dhcp own says that this is meant");
	return 0;
}

static void say_dhcp(const struct site *site)
{
	char a[ADDRESS_TEXT_SIZE], b[ADDRESS_TEXT_SIZE];

	if (site->dhcp == HEAD_DHCP_OWN)
		head_say("addresses from %s to %s are given here", address_text(site->first, a),
			 address_text(site->last, b));
	else if (site->dhcp == HEAD_DHCP_PROXY)
		head_say("addresses come from the network's DHCP server; boot files from here (proxy-DHCP)");
	else
		head_say("no DHCP from here: the network's server needs the lines of `head-node lines`");
}

static void say_loaders(const struct site *site, const struct loaders *have)
{
	if (!have->pxelinux)
		head_say("machines with BIOS get no boot loader: packages pxelinux, syslinux-common");
	if (!have->shim && !have->plain)
		head_say("machines with UEFI get no boot loader: packages shim-signed, grub-efi-amd64-signed");
	if (site->dhcp != HEAD_DHCP_PROXY || have->ipxe)
		return;
	if (!have->plain)
		head_say(
			"machines with UEFI get no boot loader beside another DHCP server: package grub-efi-amd64-bin");
	head_say("Secure Boot: Debian's signed GRUB reads no proxy offer, so machines with UEFI get a GRUB that is not "
		 "signed, and those with Secure Boot on refuse it. What helps: iPXE's signed shim in %s/tftp/ipxe, the "
		 "lines of `head-node lines` in the DHCP server, or --dhcp own",
		 site->state);
}

static int prepare(struct service *s)
{
	cleanup_buf struct buf why = { 0 };
	int err = boot_folders(&s->site, &why);

	err = err ? err : image_prepare(&s->site, &s->image, &why);
	err = err ? err : boot_loaders(&s->site, &s->have, &why);
	err = err ? err : service_read_nodes(s);
	err = err ? err : service_configure(s, &why);
	if (err)
		head_say("%s", why.len ? buf_cstr(&why) : strerror(-err));
	return err;
}

static int serve(struct service *s)
{
	int err = check_all(&s->site, CHECK_BEFORE) ? -EINVAL : 0;

	err = err ? err : have_address(&s->site);
	err = err ? err : decide_dhcp(&s->site);
	if (err)
		return err;
	say_dhcp(&s->site);
	err = prepare(s);
	if (err)
		return err;
	say_loaders(&s->site, &s->have);
	return service_run(s);
}

static int usage(void)
{
	fprintf(stderr, "usage: head-node serve --interface IF ...\n%s", site_usage);
	return 2;
}

int head_serve(int argc, char **argv)
{
	cleanup_free char *help = str_printf("usage: head-node serve --interface IF ...\n%s", site_usage);
	cleanup_close int lock = -1;
	struct service s = { 0 };
	int err = 0;

	if (!help || help_given(argc, argv, "head-node serve", help))
		return help ? 0 : 1;
	if (site_parse(argc, argv, &s.site)) {
		site_free(&s.site);
		return usage();
	}
	err = site_find_files(&s.site);
	lock = err ? -1 : lock_state(&s.site);
	err = lock < 0 ? -EBUSY : serve(&s);
	if (s.site.wish_set && change_address(&s.site, false))
		head_say("%s keeps its address", s.site.interface);
	service_free(&s);
	return err ? 1 : 0;
}
