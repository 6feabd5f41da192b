/* handover.c - struct network -> resolv.conf and net-IFACE.conf, for the system that comes next. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include "net/address.h"
#include "net/frame6.h"
#include "net/link.h"

#include <fcntl.h>
#include <stdio.h>
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

void net_release(const struct network *net)
{
	if (net->interface[0])
		link_auto_ipv6(net->interface, true);
}
