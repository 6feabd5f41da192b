/* tftp.c - method tftp: server: or the DHCP server's word, directory:, image: -> the file by TFTP (RFC 1350, 7440). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/retrieve/retrieve.h"
#include "methods/retrieve/stream.h"
#include "methods/tftp/packet.h"
#include "methods/retrieve/url.h"

#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

/* <linux/in.h>, <linux/in6.h>: where a library's headers lack them */
#ifndef IP_MTU
#define IP_MTU 14
#endif
#ifndef IP_RECVERR
#define IP_RECVERR 11
#endif
#ifndef IPV6_MTU
#define IPV6_MTU 24
#endif
#ifndef IPV6_RECVERR
#define IPV6_RECVERR 25
#endif

#define BLOCK_MAX     65464 /* RFC 2348 */
#define BLOCK_DEFAULT 512   /* RFC 1350 */
/* 32 blocks of an Ethernet's size fit into any card's ring. */
#define WINDOW_MAX 32

/* Room for blocks that came and were not taken yet. */
#define SOCKET_BUFFER (1024 * 1024)

/* After this an unanswered packet is sent again; what is measured takes its place. Doubled each time. */
#define RESEND_FIRST_MS 1000
#define RESEND_MIN_MS   100
#define RESEND_MAX_MS   4000

/* After so many requests with options that nobody answers one goes out without: some servers drop the others unseen. */
#define REQUESTS_WITH_OPTIONS 2

/* Blocks that come again after a server was told what lacks, until it is believed to count as it seems to. */
#define ONES_ENOUGH 3

/* One session. */
struct session {
	struct transfer *t;
	const struct place *at;
	struct failure *f;
	char *what; /* the URL, for words */
	const char *path;
	struct stream s;
	/* who answers: the server's address, and from its first packet on a port of its own */
	struct peer_address peer;
	bool locked; /* PEER's port is known */
	struct tftp_options asked, agreed;
	unsigned unanswered; /* requests */
	bool plain;          /* the last request had no options... */
	bool both;           /* ...but those before may still be answered */
	bool begun;          /* the answer to the request is here */
	uint64_t next;       /* the block that is awaited, from 1, without the wire's modulo */
	uint64_t acked;      /* the last one that was acknowledged */
	bool to_one;         /* behind block 65535 the server goes on with 1; else with 0 */
	unsigned ones;       /* how often 1 came there, where 0 was awaited */
	uint64_t gap;        /* the block at whose lack the server was told, 0: none */
	unsigned in_window;  /* blocks since the last acknowledgement */
	struct buf sent;     /* the packet that was sent last */
	int64_t sent_ms;
	int64_t resend_ms; /* how long it may stay unanswered */
	int64_t rtt_ms;    /* smoothed time to an answer, -1: not known */
	int64_t heard_ms;  /* when something new came last */
	uint8_t datagram[TFTP_HEADER + BLOCK_MAX];
};

/* ---- the socket */

static int socket_failed(struct session *s, int err)
{
	enum fail_id id = FAIL_SRV_UNREACHABLE;

	if (s->begun)
		return transfer_broken(s->t, err, s->f);
	if (err == -ECANCELED)
		id = FAIL_SYS_CANCELLED;
	else if (err == -ECONNREFUSED)
		id = FAIL_SRV_REFUSED;
	return fail(s->f, id, err, "%s: %s, after %lld bytes", s->what, err_text(err), (long long)s->t->done);
}

/* The largest block that needs no fragments on the way to the server, as far as this machine knows the way. */
static unsigned best_block_size(const struct session *s)
{
	bool v6 = s->peer.u.sa.sa_family == AF_INET6;
	unsigned headers = (v6 ? 40 : 20) + 8 + TFTP_HEADER;
	int fd = socket(s->peer.u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu = 1500;
	socklen_t len = sizeof(mtu);

	if (fd < 0)
		return BLOCK_DEFAULT;
	if (connect(fd, &s->peer.u.sa, s->peer.len) < 0 ||
	    getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &len) < 0)
		mtu = 1500;
	base_close_fd(&fd);
	return MIN(MAX((unsigned)mtu, headers + BLOCK_DEFAULT) - headers, (unsigned)BLOCK_MAX);
}

/* As many blocks as the socket has room for, with what the kernel needs beside each. */
static unsigned best_window(const struct session *s, unsigned block_size)
{
	int room = SOCKET_BUFFER;
	socklen_t len = sizeof(room);

	setsockopt(s->s.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (getsockopt(s->s.fd, SOL_SOCKET, SO_RCVBUF, &room, &len) < 0)
		return 1;
	return MIN(MAX((unsigned)room / (2 * block_size + 1024), 1U), (unsigned)WINDOW_MAX);
}

/* A server that is not there is told by the network (ICMP), which an unconnected socket hears only when it wants to. */
static int open_socket(struct session *s)
{
	bool v6 = s->peer.u.sa.sa_family == AF_INET6;
	int on = 1;

	s->s.fd = socket(s->peer.u.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->s.fd < 0)
		return socket_failed(s, -errno);
	setsockopt(s->s.fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof(on));
	return 0;
}

static int send_again(struct session *s)
{
	s->sent_ms = now_ms();
	if (sendto(s->s.fd, s->sent.data, s->sent.len, MSG_NOSIGNAL, &s->peer.u.sa, s->peer.len) < 0 && errno != EAGAIN)
		return socket_failed(s, -errno);
	return 0;
}

/* The number by which block N goes over the wire. */
static unsigned wire_number(const struct session *s, uint64_t n)
{
	return s->to_one && n ? (unsigned)((n - 1) % 65535 + 1) : (unsigned)(n & 0xffff);
}

static int send_ack(struct session *s)
{
	s->sent.len = 0;
	s->in_window = 0;
	s->acked = s->next - 1;
	if (tftp_ack(&s->sent, wire_number(s, s->acked)))
		return fail(s->f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for a packet");
	return send_again(s);
}

/* Ends the session at the server. Whether it hears it does not matter. */
static void send_end(struct session *s, enum tftp_error code, const char *words)
{
	cleanup_buf struct buf packet = { 0 };

	if (s->locked && tftp_error(&packet, code, words) == 0)
		sendto(s->s.fd, packet.data, packet.len, MSG_NOSIGNAL, &s->peer.u.sa, s->peer.len);
}

/* True when a packet comes from the server; its first one settles its port (RFC 1350, section 4). */
static bool is_peer(struct session *s, const struct peer_address *from)
{
	uint16_t port = peer_port(from);

	if (!peer_same_host(&s->peer, from) || (s->locked && port != peer_port(&s->peer)))
		return false;
	peer_set_port(&s->peer, port);
	s->locked = true;
	return true;
}

/* How long the server may be silent, from what was heard last. */
static int64_t silence_ms(const struct session *s)
{
	return s->begun ? s->t->timeout_ms : s->at->connect_ms;
}

static int silent_server(struct session *s)
{
	if (s->begun)
		return transfer_broken(s->t, -ETIMEDOUT, s->f);
	return fail(s->f, FAIL_SRV_TIMEOUT, -ETIMEDOUT, "%s: no answer in %lld s", s->what,
		    (long long)silence_ms(s) / 1000);
}

/* The next datagram of the server: its length, -EAGAIN when there was none in time, or another -errno with F. */
static ssize_t receive(struct session *s)
{
	for (;;) {
		struct peer_address from = { .len = sizeof(from.u) };
		ssize_t n = recvfrom(s->s.fd, s->datagram, sizeof(s->datagram), 0, &from.u.sa, &from.len);
		int err;

		if (n >= 0 && is_peer(s, &from))
			return n;
		if (n >= 0 || errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return socket_failed(s, -errno);
		err = stream_wait(&s->s, POLLIN, MIN(s->sent_ms + s->resend_ms, s->heard_ms + silence_ms(s)));
		if (err == -ETIMEDOUT)
			return -EAGAIN;
		if (err)
			return socket_failed(s, err);
	}
}

/* ---- the protocol */

static int send_request(struct session *s)
{
	s->sent.len = 0;
	s->locked = false;
	s->peer = *s->at->address;
	if (tftp_read_request(&s->sent, s->path, s->plain ? NULL : &s->asked))
		return fail(s->f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for a packet");
	return send_again(s);
}

static const struct tftp_options no_options = { .block_size = BLOCK_DEFAULT, .window_size = 1, .file_size = -1 };

/* The server and options do not go together: the request goes out again without any. From a socket of its own: what
 * that session still says is not heard. */
static int ask_plainly(struct session *s, const char *why)
{
	int err;

	if (s->plain)
		return fail(s->f, FAIL_SRV_PROTOCOL, -EPROTO, "%s: %s", s->what, why);
	log_info("%s: %s; it is asked again without options", s->what, why);
	s->plain = true;
	s->asked = no_options;
	stream_close(&s->s);
	err = open_socket(s);
	return err ? err : send_request(s);
}

/* Ends a session whose first answer is WHY, and begins another one. */
static int refuse_session(struct session *s, const char *why)
{
	send_end(s, TFTP_OPTIONS, why);
	return ask_plainly(s, why);
}

/* Nothing came in time: sends again, more and more patiently. */
static int on_silence(struct session *s)
{
	if (now_ms() >= s->heard_ms + silence_ms(s))
		return silent_server(s);
	s->resend_ms = MIN(s->resend_ms * 2, RESEND_MAX_MS);
	if (s->begun || s->plain || ++s->unanswered < REQUESTS_WITH_OPTIONS)
		return send_again(s);
	log_info("%s: no answer to %u requests with options; now without", s->what, s->unanswered);
	s->plain = s->both = true;
	return send_request(s);
}

/* What came is new: the clock of silence begins again, and the time it took tells how long to wait for the next. */
static void heard(struct session *s)
{
	int64_t now = now_ms(), took = now - s->sent_ms;

	s->heard_ms = now;
	if (s->in_window > 1)
		return; /* blocks of a window do not answer anything */
	s->rtt_ms = s->rtt_ms < 0 ? took : (s->rtt_ms * 7 + took) / 8;
	s->resend_ms = MIN(MAX(4 * s->rtt_ms, RESEND_MIN_MS), RESEND_MAX_MS);
}

static int begin(struct session *s, const struct tftp_options *agreed)
{
	/* some servers answer tsize by what it was asked with, or by the size of another file: the short block is the
	 * end */
	struct version version = { .size = agreed->file_size, .rough = true };

	s->agreed = *agreed;
	s->begun = true;
	heard(s);
	return transfer_begin(s->t, s->at, 0, &version, s->what, s->f);
}

/* An error ends the session, unless it may be about the options: then the request goes out again without any. */
static int on_error(struct session *s, const struct tftp_packet *p)
{
	enum fail_id id = FAIL_SRV_ERROR;

	bool final = s->begun || p->number == TFTP_NOT_FOUND || p->number == TFTP_ACCESS;

	if (!final && s->both) {
		s->both = false; /* to the requests with options; that to the other one is on its way */
		return 0;
	}
	if (!final && !s->plain)
		return ask_plainly(s, *p->words ? p->words : "an error");
	if (p->number == TFTP_NOT_FOUND || (p->number == TFTP_NOT_DEFINED && strstr(p->words, "o such")))
		id = FAIL_SRV_NOT_FOUND;
	else if (p->number == TFTP_ACCESS || p->number == TFTP_NO_USER || strstr(p->words, "ermission denied"))
		id = FAIL_SRV_DENIED;
	else if (p->number == TFTP_ILLEGAL)
		id = FAIL_SRV_PROTOCOL;
	return fail(s->f, id, -EREMOTEIO, "%s: error %u: %s", s->what, p->number, p->words);
}

static int on_options(struct session *s, const struct tftp_packet *p)
{
	int err;

	if (!s->begun && *p->words)
		log_info("%s: options that were not asked for are left out: %s", s->what, p->words);
	if (!s->begun && p->unusable)
		return refuse_session(s, "it answers the request by options that cannot be");
	err = s->begun ? 0 : begin(s, &p->options);
	if (err || s->next > 1)
		return err;
	return send_ack(s);
}

/* The first answer is a block. One of the size that was asked for says that this is agreed, if without a word; one of
 * another size would not tell which block is the last. */
static int begin_by_block(struct session *s, const struct tftp_packet *p)
{
	struct tftp_options agreed = no_options;

	if (p->len > BLOCK_DEFAULT && p->len == s->asked.block_size)
		agreed.block_size = s->asked.block_size;
	else if (p->len > BLOCK_DEFAULT)
		return refuse_session(s, "its blocks are larger than was agreed");
	return begin(s, &agreed);
}

/* Behind block 65535 comes 0, or with some servers 1: RFC 1350 ends there. 1 may also be the block behind a lost 0; but
 * no server goes beyond the window it has leave to send, nor is a block lost each time. */
static void look_at_rollover(struct session *s, unsigned number)
{
	if (s->to_one || s->next != 65536 || !number || number >= 0x8000)
		return;
	s->ones += number == 1;
	if (s->next + number <= s->acked + s->agreed.window_size && s->ones < ONES_ENOUGH)
		return;
	log_info("%s: its blocks go on with 1 behind 65535", s->what);
	s->to_one = true;
	s->gap = 0;
}

/* How many blocks behind the awaited one NUMBER is; 0x8000 and more: it is an old one. */
static unsigned blocks_ahead(const struct session *s, unsigned number)
{
	unsigned want = wire_number(s, s->next);

	if (!s->to_one)
		return (number - want) & 0xffff;
	return number ? (number + 65535 - want) % 65535 : 0x8000;
}

/* A block. *DONE: it was the last one. */
static int on_data(struct session *s, const struct tftp_packet *p, bool *done)
{
	unsigned ahead;
	int err = s->begun ? 0 : begin_by_block(s, p);

	if (err || !s->begun)
		return err;
	look_at_rollover(s, p->number);
	ahead = blocks_ahead(s, p->number);
	if (ahead >= 0x8000)
		return 0; /* an old one; to answer it would double everything from here on (RFC 1123, section
			   * 4.2.3.1) */
	if (ahead) {
		/* RFC 7440, section 4: the server begins its window anew behind the last block in order. */
		if (s->gap == s->next)
			return 0;
		s->gap = s->next;
		return send_ack(s);
	}
	if (p->len > s->agreed.block_size)
		return fail(s->f, FAIL_SRV_PROTOCOL, -EPROTO, "%s: a block of %zu bytes, agreed were %u", s->what,
			    p->len, s->agreed.block_size);
	err = transfer_write(s->t, p->data, p->len, s->f);
	if (err)
		return err;
	s->next++;
	s->in_window++;
	heard(s);
	*done = p->len < s->agreed.block_size;
	return *done || s->in_window >= s->agreed.window_size ? send_ack(s) : 0;
}

static int on_packet(struct session *s, size_t len, bool *done)
{
	struct tftp_packet p;

	if (tftp_parse(&p, s->datagram, len, &s->asked))
		return fail(s->f, FAIL_SRV_PROTOCOL, -EPROTO, "%s: a packet that makes no sense, after %lld bytes",
			    s->what, (long long)s->t->done);
	switch (p.opcode) {
	case TFTP_ERROR:
		return on_error(s, &p);
	case TFTP_OACK:
		return on_options(s, &p);
	default:
		return on_data(s, &p, done);
	}
}

static int run_session(struct session *s)
{
	bool done = false;
	int err = open_socket(s);

	s->asked = (struct tftp_options){ .block_size = best_block_size(s), .file_size = -1 };
	s->asked.window_size = best_window(s, s->asked.block_size);
	s->heard_ms = now_ms();
	if (!err)
		err = send_request(s);
	while (!err && !done) {
		ssize_t n = receive(s);

		if (n == -EAGAIN)
			err = on_silence(s);
		else
			err = n < 0 ? (int)n : on_packet(s, (size_t)n, &done);
	}
	if (err && s->s.fd >= 0)
		send_end(s, TFTP_NOT_DEFINED, "no more is wanted");
	return err ? err : transfer_end(s->t, true, s->f);
}

/* The name as the server wants it: without the first slash, as boot ROMs send it, unless the options begin with one. */
static const char *name_of(const struct options *o, const char *path)
{
	const char *first = o->value[KEY_DIRECTORY] ? o->value[KEY_DIRECTORY] : o->value[KEY_IMAGE];

	return first && *first == '/' ? path : path + 1;
}

static char *url_of(const struct place *at, const char *path)
{
	struct buf text = { 0 };
	struct url url;

	if (url_make(&url, "tftp", at->host, at->port, path))
		return NULL;
	url_text(&url, &text);
	url_free(&url);
	return buf_take(&text);
}

static int tftp_get(struct transfer *t, const struct place *at, const char *path, struct failure *f)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for a TFTP session");
	s->t = t;
	s->at = at;
	s->f = f;
	s->peer = *at->address;
	s->s = (struct stream){ .fd = -1, .watch = t->fetch->watch };
	s->next = 1;
	s->rtt_ms = -1;
	s->resend_ms = RESEND_FIRST_MS;
	s->path = name_of(t->fetch->options, path);
	s->what = url_of(at, path);
	err = s->what ? run_session(s) : fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for a URL");
	stream_close(&s->s);
	buf_free(&s->sent);
	free(s->what);
	free(s);
	return err;
}

static const struct protocol protocol_tftp = {
	.scheme = "tftp",
	.get = tftp_get,
};

/* The server a boot ROM would have used: the DHCP answer's next-server, option 66, or the DHCP server itself. */
static const char *server_of(const struct network *net, char *text, size_t size)
{
	struct in_addr address;

	if (!net)
		return NULL;
	if (net->next_server.s_addr == INADDR_ANY && net->tftp_server)
		return net->tftp_server;
	address = net->next_server.s_addr != INADDR_ANY ? net->next_server : net->server_id;
	return address.s_addr != INADDR_ANY ? inet_ntop(AF_INET, &address, text, (socklen_t)size) : NULL;
}

static int tftp_fetch(struct fetch *f)
{
	struct options options = *f->options;
	struct fetch fetch = *f;
	char text[INET_ADDRSTRLEN];

	fetch.options = &options;
	if (!options.value[KEY_SERVER]) {
		options.value[KEY_SERVER] = server_of(f->net, text, sizeof(text));
		if (options.value[KEY_SERVER])
			watch_note(f->watch, "from %s, as the DHCP server says", options.value[KEY_SERVER]);
	}
	return retrieve(&fetch, &protocol_tftp);
}

static const enum option_key tftp_required[] = { KEY_COUNT };
static const enum option_key tftp_optional[] = { KEY_SERVER, KEY_DIRECTORY, KEY_IMAGE, KEY_COUNT };

const struct method method_tftp = {
	.name = "tftp",
	.title = "TFTP server",
	.needs = METHOD_NEEDS_NETWORK,
	.required = tftp_required,
	.optional = tftp_optional,
	.fetch = tftp_fetch,
};
