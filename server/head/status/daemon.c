/* daemon.c - `head-node status-daemon`: datagrams, logs, the time -> the model -> its page, its file, the history. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"
#include "base/failure.h"
#include "base/file.h"
#include "base/help.h"
#include "base/peer.h"
#include "server/head/commands.h"
#include "server/head/status/follow.h"
#include "server/head/status/history.h"
#include "server/head/status/json.h"
#include "server/head/status/state.h"
#include "server/head/status/web.h"

#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS    1000
#define URGENT_MS  200 /* between two times that something urgent is saved */
#define BATCH      64
#define BATCHES    16   /* before somebody else gets his turn */
#define DATAGRAM   2048 /* RFC 5424, section 6.1: what a receiver should take; more is cut */
#define ROOM_BYTES (8 * 1024 * 1024)

static const char usage[] =
	"usage: head-node status-daemon [--state DIR] [--listen ADDR] [--syslog PORT] [--http PORT]\n"
	"Takes what nodes say by syslog (UDP) and what the head's own logs say of them, and shows it: by HTTP, in\n"
	"DIR/status.json for `head-node status`, and one line for each boot in DIR/" HISTORY_FILE ".\n"
	"  --state DIR    where all of it is kept (" STATE_DIR ")\n"
	"  --listen ADDR  only at this address (all)\n"
	"  --syslog PORT  of syslog (514); 0: none\n"
	"  --http PORT    of the page (8080); 0: none\n";

/* The daemon. */
struct station {
	const char *dir, *listen;
	int64_t syslog_port, http_port;
	struct model model;
	struct web *web;
	int udp, lock;
	char token[65];
	char *path_dns, *path_http; /* owned */
	struct follow dns, http;
	struct chain_file chain;
	uint64_t saved_version;
	int64_t saved_at, next_tick; /* of now_ms() */
	int said_err;                /* the last trouble with the folder, said once */
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = number;
}

static int64_t epoch_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A folder that is full is said once, not every second, and so is that it is not any more. */
static void tell_trouble(struct station *s, int err)
{
	if (err == s->said_err)
		return;
	s->said_err = err;
	if (err)
		fprintf(stderr, "head-node status-daemon: %s cannot be written: %s; it goes on without\n", s->dir,
			err_text(err));
	else
		fprintf(stderr, "head-node status-daemon: %s is written again\n", s->dir);
}

/* ---- in */

static void take_datagram(struct station *s, const struct sockaddr_storage *from, socklen_t len, const char *bytes,
			  size_t size, int64_t now)
{
	struct peer_address a = { .len = MIN(len, (socklen_t)sizeof(a.u)) };
	struct event e;
	char address[PEER_TEXT];

	memcpy(&a.u, from, a.len);
	peer_unmap(&a);
	if (!model_admits(&s->model, peer_text(&a, address), now))
		return;
	if (event_of_datagram(&e, address, bytes, size))
		s->model.damaged++;
	else
		model_event(&s->model, &e, now);
}

/* What is there, as much as one turn may take. */
static void take_datagrams(struct station *s)
{
	static char bytes[BATCH][DATAGRAM];
	struct sockaddr_storage from[BATCH];
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	int64_t now = epoch_ms();
	int n = BATCH;

	for (int turn = 0; turn < BATCHES && n == BATCH; turn++) {
		for (int i = 0; i < BATCH; i++) {
			v[i] = (struct iovec){ bytes[i], DATAGRAM };
			m[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &from[i],
							      .msg_namelen = sizeof(from[i]),
							      .msg_iov = &v[i],
							      .msg_iovlen = 1 } };
		}
		n = recvmmsg(s->udp, m, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			take_datagram(s, &from[i], m[i].msg_hdr.msg_namelen, bytes[i], m[i].msg_len, now);
	}
}

static void take_dns_line(void *ctx, const char *line, size_t len)
{
	struct station *s = ctx;
	struct event e;

	if (event_of_dnsmasq(&e, line, len) == 0)
		model_event(&s->model, &e, epoch_ms());
}

static void take_http_line(void *ctx, const char *line, size_t len)
{
	struct station *s = ctx;
	struct event e;

	if (event_of_nginx(&e, line, len) == 0)
		model_event(&s->model, &e, epoch_ms());
}

/* ---- out */

static void on_ended(struct model *m, const struct node *n, enum boot_result result)
{
	struct station *s = m->owner;
	cleanup_buf struct buf line = { 0 };
	int err = json_boot(&line, n, result, epoch_ms());

	tell_trouble(s, err ? err : history_append(s->dir, &line));
}

static void save(struct station *s, int64_t now)
{
	s->saved_at = now;
	s->model.urgent = false; /* also where nothing is new: else the next wait would be none, again and again */
	if (s->model.version == s->saved_version)
		return;
	s->saved_version = s->model.version;
	tell_trouble(s, state_save(s->dir, &s->model, epoch_ms()));
}

static void tick(struct station *s, int64_t now)
{
	follow_read(&s->dns, take_dns_line, s);
	follow_read(&s->http, take_http_line, s);
	chain_read(&s->chain, s->dir, &s->model, epoch_ms());
	model_tick(&s->model, epoch_ms());
	if (s->web)
		web_tick(s->web, epoch_ms());
	save(s, now);
	s->next_tick = now + TICK_MS;
}

static void wait_for_something(struct station *s)
{
	struct pollfd p[] = { { .fd = s->udp, .events = POLLIN },
			      { .fd = s->web ? web_fd(s->web) : -1, .events = POLLIN } };
	int wait = ms_left(s->next_tick);
	int64_t web = s->web ? web_wait(s->web) : -1;

	if (s->model.urgent)
		wait = MIN(wait, ms_left(s->saved_at + URGENT_MS));
	poll(p, ARRAY_SIZE(p), web >= 0 ? (int)MIN(web, wait) : wait);
	if (p[0].revents)
		take_datagrams(s);
	if (s->web)
		web_run(s->web);
}

static void run(struct station *s)
{
	while (!stop) {
		int64_t now;

		wait_for_something(s);
		now = now_ms();
		if (now >= s->next_tick)
			tick(s, now);
		else if (s->model.urgent && now >= s->saved_at + URGENT_MS)
			save(s, now);
	}
	save(s, now_ms());
}

/* ---- begin and end */

/* A socket of KIND at the port; *WORDS: what did not work. -1: none. */
static int open_socket(const struct station *s, int kind, int64_t port)
{
	struct addrinfo hint = { .ai_socktype = kind, .ai_flags = AI_PASSIVE | AI_NUMERICHOST }, *found = NULL;
	char text[8];
	int fd = -1, yes = 1, no = 0;

	snprintf(text, sizeof(text), "%d", (int)port);
	if (getaddrinfo(s->listen ? s->listen : "::", text, &hint, &found)) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(found->ai_family, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 && !s->listen) { /* a kernel without IPv6 */
		struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

		fd = socket(AF_INET, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		memcpy(found->ai_addr, &any, sizeof(any));
		found->ai_addrlen = sizeof(any);
	}
	if (fd >= 0 && kind == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd >= 0 && !s->listen)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	if (fd >= 0 && (bind(fd, found->ai_addr, found->ai_addrlen) || (kind == SOCK_STREAM && listen(fd, 128)))) {
		int err = errno;

		close(fd);
		fd = -1;
		errno = err;
	}
	freeaddrinfo(found);
	return fd;
}

static int refuse_port(const char *what, int64_t port)
{
	int err = -errno;

	fprintf(stderr, "head-node status-daemon: %s port %d: %s%s\n", what, (int)port, err_text(err),
		err == -EADDRINUSE ? "; another program has it (ss -lntup names it)"
		: err == -EACCES   ? "; ports below 1024 are root's, or need CAP_NET_BIND_SERVICE"
				   : "");
	return err;
}

static int open_syslog(struct station *s)
{
	int room = ROOM_BYTES;

	s->udp = -1;
	if (!s->syslog_port)
		return 0;
	s->udp = open_socket(s, SOCK_DGRAM, s->syslog_port);
	if (s->udp < 0)
		return refuse_port("UDP", s->syslog_port);
	if (setsockopt(s->udp, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(s->udp, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	return 0;
}

static int open_web(struct station *s)
{
	int fd;

	if (!s->http_port)
		return 0;
	fd = open_socket(s, SOCK_STREAM, s->http_port);
	if (fd < 0)
		return refuse_port("TCP", s->http_port);
	s->web = web_open(fd, &s->model, s->dir, s->token);
	return s->web ? 0 : refuse_port("HTTP", s->http_port);
}

static int open_state(struct station *s)
{
	int err = state_lock(s->dir, &s->lock);

	if (err == -EWOULDBLOCK)
		fprintf(stderr, "head-node status-daemon: another one runs with %s\n", s->dir);
	if (!err)
		err = state_token(s->dir, s->token, sizeof(s->token));
	if (err && err != -EWOULDBLOCK)
		fprintf(stderr, "head-node status-daemon: %s: %s\n", s->dir, err_text(err));
	if (!err && state_load(s->dir, &s->model) == -EBADMSG)
		fprintf(stderr, "head-node status-daemon: %s/" STATE_FILE " is damaged; it begins with nothing\n",
			s->dir);
	s->path_dns = str_printf("%s/log/dnsmasq.log", s->dir);
	s->path_http = str_printf("%s/log/http.log", s->dir);
	s->dns = (struct follow){ .path = s->path_dns, .fd = -1 };
	s->http = (struct follow){ .path = s->path_http, .fd = -1 };
	return err ? err : s->path_dns && s->path_http ? 0 : -ENOMEM;
}

static void close_station(struct station *s)
{
	web_close(s->web);
	follow_close(&s->dns);
	follow_close(&s->http);
	if (s->udp >= 0)
		close(s->udp);
	if (s->lock >= 0)
		close(s->lock);
	model_close(&s->model);
	free(s->path_dns);
	free(s->path_http);
}

static int port_number(const char *text, int64_t *port)
{
	if (parse_number(text, 0, 65535, port) == 0)
		return 0;
	fprintf(stderr, "head-node status-daemon: \"%s\" is no port\n", text);
	return -EINVAL;
}

static int read_options(struct station *s, int argc, char **argv)
{
	static const struct option options[] = { { "state", required_argument, NULL, 'd' },
						 { "listen", required_argument, NULL, 'l' },
						 { "syslog", required_argument, NULL, 's' },
						 { "http", required_argument, NULL, 'w' },
						 { 0 } };
	int c, err = 0;

	optind = 1;
	while (!err && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			s->dir = optarg;
		else if (c == 'l')
			s->listen = optarg;
		else if (c == 's')
			err = port_number(optarg, &s->syslog_port);
		else if (c == 'w')
			err = port_number(optarg, &s->http_port);
		else
			err = -EINVAL;
	}
	return err ? err : optind < argc ? -EINVAL : 0;
}

static void catch (int number, void (*handler)(int))
{
	struct sigaction a = { .sa_handler = handler };

	sigaction(number, &a, NULL);
}

int head_status_daemon(int argc, char **argv)
{
	static const struct model_calls calls = { .ended = on_ended };
	static struct station s;
	int err;

	if (help_given(argc, argv, "head-node status-daemon", usage))
		return 0;
	s = (struct station){ .dir = STATE_DIR, .syslog_port = 514, .http_port = 8080, .udp = -1, .lock = -1 };
	if (read_options(&s, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	model_open(&s.model, &calls, &s);
	catch (SIGINT, on_signal);
	catch (SIGTERM, on_signal);
	catch (SIGPIPE, SIG_IGN);
	err = open_state(&s);
	if (!err)
		err = open_syslog(&s);
	if (!err)
		err = open_web(&s);
	if (!err) {
		printf("status: syslog on UDP port %d, page on http port %d, %zu nodes known\n", (int)s.syslog_port,
		       (int)s.http_port, s.model.count);
		fflush(stdout);
		run(&s);
	}
	close_station(&s);
	return err ? 1 : 0;
}
