/* uevent.c - the kernel's messages about devices, and the uevent files of sysfs -> fields. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/uevent.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

/* Messages that may wait while a driver is being loaded: a large machine announces thousands at once. */
#define RECEIVE_BYTES (2 * 1024 * 1024)

/* Group 1 carries the kernel's own messages, group 2 those of udevd (lib/kobject_uevent.c). */
#define KERNEL_GROUP 1

static void take_pair(const char *pair, struct uevent *ev)
{
	static const struct {
		const char *key;
		size_t offset;
	} keys[] = {
		{ "ACTION=", offsetof(struct uevent, action) },
		{ "DEVPATH=", offsetof(struct uevent, devpath) },
		{ "SUBSYSTEM=", offsetof(struct uevent, subsystem) },
		{ "MODALIAS=", offsetof(struct uevent, modalias) },
		{ "DRIVER=", offsetof(struct uevent, driver) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char **field = (const char **)((char *)ev + keys[i].offset);

		if (starts_with(pair, keys[i].key) && !*field)
			*field = pair + strlen(keys[i].key);
	}
}

int uevent_parse(const char *data, size_t len, struct uevent *ev)
{
	const char *end = data + len, *at;

	*ev = (struct uevent){ 0 };
	if (!len || end[-1] != '\0')
		return -EBADMSG;
	at = strchr(data, '@');
	if (!at || at[1] != '/')
		return -EBADMSG;
	for (const char *p = data + strlen(data) + 1; p < end; p += strlen(p) + 1)
		take_pair(p, ev);
	return ev->action && ev->devpath && ev->subsystem ? 0 : -EBADMSG;
}

void uevent_parse_file(char *text, size_t len, struct uevent *ev)
{
	char *p = text, *end = text + len;

	*ev = (struct uevent){ 0 };
	*end = '\0';
	while (p < end) {
		char *line_end = memchr(p, '\n', (size_t)(end - p));

		if (!line_end)
			line_end = end;
		*line_end = '\0';
		take_pair(p, ev);
		p = line_end + 1;
	}
}

int uevent_open(void)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	int size = RECEIVE_BYTES, err;
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return -errno;
	/* only root may go beyond the system's limit; a smaller queue still works, with more looking again */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int uevent_read(int fd, char *buf, size_t size, struct uevent *ev)
{
	struct sockaddr_nl from = { 0 };
	struct iovec part = { .iov_base = buf, .iov_len = size };
	struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (msg.msg_flags & MSG_TRUNC)
		return -ENOBUFS;
	if (n == 0 || from.nl_pid != 0)
		return 0;
	return uevent_parse(buf, (size_t)n, ev) == 0;
}
