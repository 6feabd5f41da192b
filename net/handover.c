/* handover.c - struct network -> resolv.conf and net-IFACE.conf, for the system that comes next. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include "base/log.h"
#include "net/address.h"
#include "net/fragments.h"
#include "net/frame6.h"
#include "net/interface.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const struct buf *b)
{
	size_t done = 0;

	while (done < b->len) {
		ssize_t n = write(fd, b->data + done, b->len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

/* The whole file or the old one: a reader never sees half of it. */
static int write_file(const char *dir, const char *name, const struct buf *content)
{
	cleanup_free char *path = str_printf("%s/%s", dir, name);
	cleanup_free char *new_path = str_printf("%s/%s.new", dir, name);
	int fd, err;

	if (!path || !new_path || content->failed)
		return -ENOMEM;
	fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	err = write_all(fd, content);
	if (close(fd) < 0 && !err)
		err = -errno;
	if (!err && rename(new_path, path) < 0)
		err = -errno;
	if (err)
		unlink(new_path);
	return err;
}

static void describe_resolver(const struct network *net, struct buf *out)
{
	char a[ADDRESS_TEXT_SIZE], a6[IP6_TEXT_SIZE];

	if (net->search || net->domain)
		buf_printf(out, "search %s\n", net->search ? net->search : net->domain);
	for (size_t i = 0; i < net->dns_count; i++)
		buf_printf(out, "nameserver %s\n", address_text(net->dns[i], a));
	for (size_t i = 0; i < net->dns6_count; i++)
		buf_printf(out, "nameserver %s%s%s\n", ip6_text(&net->dns6[i], a6),
			   ip6_is_link_local(&net->dns6[i]) ? "%" : "",
			   ip6_is_link_local(&net->dns6[i]) ? net->interface : "");
}

int net_write_handover(const struct network *net, const char *dir)
{
	cleanup_buf struct buf resolver = { 0 }, facts = { 0 };
	cleanup_free char *name = str_printf("net-%s.conf", net->interface);
	int err;

	if (!name)
		return -ENOMEM;
	describe_resolver(net, &resolver);
	err = write_file(dir, "resolv.conf", &resolver);
	if (!err)
		err = net_describe(net, &facts);
	return err ? err : write_file(dir, name, &facts);
}

/* One file of networkd's or udev's: NUMBER says who is read first. */
static int write_systemd(const char *dir, int number, const char *name, const char *suffix, const struct buf *text)
{
	cleanup_free char *file = str_printf("%d-stage1-%s.%s", number, name, suffix);

	return file ? write_file(dir, file, text) : -ENOMEM;
}

static int write_link(const struct network *net, const char *dir, const char *name)
{
	cleanup_buf struct buf text = { 0 };

	udev_link(net, name, &text);
	return write_systemd(dir, name ? 10 : 11, name ? name : "cards", "link", &text);
}

/* What the interface lies on is left alone: the bond below a VLAN, and the cards below either. */
static int write_below(const struct network *net, const char *dir)
{
	cleanup_buf struct buf bond = { 0 }, cards = { 0 };
	int err = 0;

	if (net->bond && net->vlan) {
		networkd_below(net, net->card, &bond);
		err = write_systemd(dir, 10, net->card, "network", &bond);
		if (!err)
			err = write_link(net, dir, net->card);
	}
	if (!err && (net->bond || net->vlan)) {
		networkd_below(net, NULL, &cards);
		err = write_systemd(dir, 11, "cards", "network", &cards);
		if (!err)
			/* udev fails to rename what is switched on, and networkd waits for it */
			err = write_link(net, dir, NULL);
	}
	return err;
}

/* For Debian's ifupdown, and the dhclient that it starts. */
static int write_ifupdown(const struct network *net, const char *run)
{
	cleanup_free char *ours = str_printf("%s/stage1", run), *conf = str_printf(DHCLIENT_CONF_NAME, net->interface);
	cleanup_buf struct buf lines = { 0 }, client = { 0 };
	int err = ours && conf ? 0 : -ENOMEM;

	ifupdown_lines(net, &lines);
	dhclient_lines(&client);
	if (!err)
		err = write_file(ours, "interfaces", &lines);
	return err || !net->dhcp ? err : write_file(run, conf, &client);
}

int net_write_fragments(const struct network *net, const char *run)
{
	cleanup_free char *systemd = str_printf("%s/systemd", run), *networkd = str_printf("%s/systemd/network", run);
	cleanup_buf struct buf interface = { 0 };
	int err;

	if (!systemd || !networkd)
		return -ENOMEM;
	mkdir(systemd, 0755);
	mkdir(networkd, 0755);
	networkd_interface(net, &interface);
	err = write_systemd(networkd, 10, net->interface, "network", &interface);
	if (!err)
		err = write_link(net, networkd, net->interface);
	if (!err)
		err = write_below(net, networkd);
	return err ? err : write_ifupdown(net, run);
}

void net_release(const struct network *net)
{
	struct netlink nl;

	if (net->interface[0])
		interface_auto_ipv6(net->interface, true);
	if (!net->dhcp || !net->address.s_addr || netlink_open(&nl, 0))
		return;
	if (link_keep_address(&nl, net, UINT32_MAX))
		log_warn("%s: the kernel takes the address away when the lease ends", net->interface);
	netlink_close(&nl);
}
