/* service.c - children, signals, the nodes file and the wire -> events, until a signal ends all of it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/service.h"

#include "base/clock.h"
#include "net/address.h"
#include "net/dhcp_packet.h"
#include "net/frame.h"
#include "net/packet.h"
#include "server/head/files.h"
#include "server/head/ports.h"
#include "server/head/say.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETTLE_MS 200 /* an editor writes a file in several steps */

/* ---- the nodes file */

int service_read_nodes(struct service *s)
{
	cleanup_free char *path = site_path(&s->site, "nodes"), *seen = site_path(&s->site, "seen");
	cleanup_buf struct buf why = { 0 };
	struct nodes fresh;
	int err = path && seen ? nodes_read_file(path, &fresh, &why) : -ENOMEM;

	if (err) {
		head_say("%s: %s", path ? path : "nodes", buf_cstr(&why));
		return err;
	}
	nodes_free(&s->nodes);
	s->nodes = fresh;
	seen_free(&s->seen);
	return seen_load(seen, &s->seen);
}

/* The nodes file has changed: what is made of it is made anew. One that cannot be read leaves all as it was. */
static void take_changes(struct loop_timer *t)
{
	struct service *s = container_of(t, struct service, changed);
	cleanup_buf struct buf why = { 0 };

	if (service_read_nodes(s)) {
		head_say("the nodes stay as they were");
		return;
	}
	if (service_settings(s, &why)) {
		head_say("%s", buf_cstr(&why));
		return;
	}
	child_signal(&s->dnsmasq, SIGHUP); /* it reads its list of machines */
	head_say("the nodes file was read: %zu rows", s->nodes.count);
}

static void files_ready(struct loop_fd *w, uint32_t events)
{
	struct service *s = container_of(w, struct service, files);
	char room[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(w->fd, room, sizeof(room));

	(void)events;
	for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
		const struct inotify_event *e = (const void *)(room + at);

		if (e->len > 0 && streq(e->name, "nodes"))
			loop_at(&s->loop, &s->changed, now_ms() + SETTLE_MS);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
}

static int watch_files(struct service *s)
{
	s->files = (struct loop_fd){ .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .ready = files_ready };
	s->changed.fire = take_changes;
	if (s->files.fd < 0 ||
	    inotify_add_watch(s->files.fd, s->site.state, IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) < 0)
		return -errno;
	return loop_add(&s->loop, &s->files, EPOLLIN);
}

/* ---- the wire */

static void note_seen(const struct service *s, const struct seen_machine *m)
{
	cleanup_free char *path = site_path(&s->site, "seen");
	cleanup_buf struct buf line = { 0 };
	cleanup_close int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;

	seen_write(m, &line);
	if (fd < 0 || write(fd, buf_cstr(&line), line.len) != (ssize_t)line.len)
		head_say("%s: %s", path ? path : "seen", strerror(errno));
}

/* A machine that was not seen before: it is noted, and where a pattern of the nodes file fits it, gets its files. */
static void greet(struct service *s, const struct seen_machine *m)
{
	cleanup_buf struct buf why = { 0 };
	struct node_entry row;
	char mac[MAC_TEXT_SIZE];

	note_seen(s, m);
	if (nodes_row(&s->nodes, mac_text(m->mac, mac)))
		return;
	if (m->pxe)
		head_say("a machine that the nodes file does not name: %s, %s", mac, seen_firmware(m));
	if (nodes_find(&s->nodes, m->mac, &row) && service_settings(s, &why))
		head_say("%s", buf_cstr(&why));
}

static void hear(struct service *s, const uint8_t *frame, size_t len, bool no_checksum)
{
	struct seen_machine m;
	struct udp_frame u;

	if (frame_read_udp(frame, len, no_checksum, &u) || u.to_port != DHCP_SERVER_PORT)
		return;
	if (seen_read(u.data, u.len, &m) == 0 && seen_add(&s->seen, &m) > 0)
		greet(s, &m);
}

static void wire_ready(struct loop_fd *w, uint32_t events)
{
	struct service *s = container_of(w, struct service, wire);
	uint8_t frame[2048];
	bool no_checksum;

	(void)events;
	for (int n, left = 64; left > 0 && (n = packet_receive(w->fd, frame, sizeof(frame), &no_checksum)) >= 0; left--)
		if (n > 0)
			hear(s, frame, (size_t)n, no_checksum);
}

static int watch_wire(struct service *s)
{
	s->wire = (struct loop_fd){ .fd = packet_open(s->site.ifindex), .ready = wire_ready };
	return s->wire.fd < 0 ? s->wire.fd : loop_add(&s->loop, &s->wire, EPOLLIN);
}

/* ---- its end */

static void signal_ready(struct loop_fd *w, uint32_t events)
{
	struct service *s = container_of(w, struct service, signals);
	struct signalfd_siginfo i;

	(void)events;
	while (read(w->fd, &i, sizeof(i)) == (ssize_t)sizeof(i)) {
		if (i.ssi_signo == SIGCHLD)
			continue;
		head_say("ended by %s", strsignal((int)i.ssi_signo));
		loop_stop(&s->loop, 0);
	}
}

static int watch_signals(struct service *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->signals = (struct loop_fd){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .ready = signal_ready };
	return s->signals.fd < 0 ? -errno : loop_add(&s->loop, &s->signals, EPOLLIN);
}

/* ---- its life */

static int begin_children(struct service *s)
{
	int err = 0;

	s->supervisor.loop = &s->loop;
	for (size_t i = 0; i < s->supervisor.count && !err; i++) {
		err = child_begin(&s->supervisor, s->children[i]);
		if (err)
			head_say("%s cannot be started: %s", s->children[i]->name, strerror(-err));
	}
	return err;
}

#define READY_LOOK_MS 50 /* the kernel has no event for "now it listens" */
#define READY_LATE_MS 15000

/* The first port that nobody listens on yet; its number, 0: none. */
static unsigned silent_port(const struct service *s)
{
	const struct port ports[] = { { false, 69 },
				      { true, s->site.http_port },
				      { false, s->site.dhcp == HEAD_DHCP_NONE ? 69 : 67 } };

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		if (!port_taken(&ports[i], s->site.address))
			return ports[i].number;
	return 0;
}

static void say_ready(const struct service *s)
{
	char address[ADDRESS_TEXT_SIZE];

	head_say("ready: %s, %s, image %s by %s; switch the machines on. Ctrl-C ends it.", s->site.interface,
		 address_text(s->site.address, address), s->image, head_method_name(s->site.method));
}

static void look_whether_ready(struct loop_timer *t)
{
	struct service *s = container_of(t, struct service, ready);
	unsigned port = silent_port(s);
	int64_t waited = now_ms() - s->began;

	if (!port) {
		say_ready(s);
		return;
	}
	if (waited / READY_LATE_MS > (waited - READY_LOOK_MS) / READY_LATE_MS)
		head_say("nobody listens on port %u yet", port);
	loop_at(&s->loop, t, now_ms() + READY_LOOK_MS);
}

/* A child of an earlier run that this one does not need. */
static void end_others(const struct service *s)
{
	static const char *const names[] = { "dnsmasq", "nginx", "dolly", "ka-d-server", "ganesha", "status" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bool needed = false;

		for (size_t k = 0; k < s->supervisor.count; k++)
			needed |= streq(s->children[k]->name, names[i]);
		if (!needed)
			child_end_left_over(s->site.state, names[i]);
	}
}

int service_run(struct service *s)
{
	int err = loop_open(&s->loop);

	if (err)
		return err;
	end_others(s);
	err = watch_signals(s);
	err = err ? err : watch_files(s);
	err = err ? err : watch_wire(s);
	err = err ? err : begin_children(s);
	if (!err) {
		s->began = now_ms();
		s->ready.fire = look_whether_ready;
		loop_at(&s->loop, &s->ready, s->began);
		err = loop_run(&s->loop);
	}
	supervisor_end(&s->supervisor);
	return err;
}

void service_free(struct service *s)
{
	if (s->loop.epoll_fd > 0) {
		loop_close_fd(&s->loop, &s->signals);
		loop_close_fd(&s->loop, &s->files);
		loop_close_fd(&s->loop, &s->wire);
		loop_close(&s->loop);
	}
	for (size_t i = 0; i < s->text_count; i++)
		free(s->text[i]);
	nodes_free(&s->nodes);
	seen_free(&s->seen);
	free(s->image);
	site_free(&s->site);
}
