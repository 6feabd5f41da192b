/* dolly_wake.c - addresses -> one connection to port 9996 of each, where systemd may wait to start a client. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly.h"

#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAKE_PORT 9996 /* of the originals' dolly.socket */
#define WAKE_MS   2000
#define TOGETHER  200 /* connections at a time: descriptors are few */

static int knock(struct peer_address a)
{
	int fd = socket(a.u.sa.sa_family, SOCK_STREAM, 0);

	peer_set_port(&a, WAKE_PORT);
	if (fd < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, &a.u.sa, a.len) < 0 && errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

/* Waits until each of P has its answer, or the time is over. */
static void wait_all(struct pollfd *p, size_t count, int64_t until)
{
	size_t waiting = count;

	while (waiting > 0 && now_ms() < until && poll(p, count, (int)(until - now_ms())) > 0) {
		waiting = 0;
		for (size_t i = 0; i < count; i++) {
			if (p[i].fd >= 0 && p[i].revents)
				base_close_fd(&p[i].fd);
			waiting += p[i].fd >= 0;
		}
	}
	for (size_t i = 0; i < count; i++)
		base_close_fd(&p[i].fd);
}

void dolly_wake(struct peer_address *const *list, size_t count)
{
	struct pollfd p[TOGETHER];

	for (size_t at = 0; at < count && !dolly_stop_signal; at += TOGETHER) {
		size_t n = MIN(count - at, (size_t)TOGETHER);

		for (size_t i = 0; i < n; i++)
			p[i] = (struct pollfd){ .fd = knock(*list[at + i]), .events = POLLOUT };
		wait_all(p, n, now_ms() + WAKE_MS);
	}
}
