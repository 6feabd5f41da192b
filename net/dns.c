/* dns.c - a name and name servers -> its addresses, asked for by UDP, and by TCP where the answer is long (RFC
 * 1035). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/dns.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TRY_MS = 1000, /* how long one server is listened to before the next is asked too */
	TRY_LONGEST_MS = 5000,
	REFUSALS = 3, /* so often each server may say that it cannot tell */
	TCP_MS = 5000,
	MAX_ALIASES = 8, /* chains that no server put together for us */
	UDP_SIZE = 4096, /* far more than the 512 bytes of an answer without EDNS */
};

/* One name server. */
struct peer {
	const struct peer_address *address;
	int fd; /* connected UDP socket: answers of others do not get in; -1: not yet */
	unsigned refusals;
};

struct exchange {
	struct peer *peer;
	size_t peer_count;
	struct dns_question *question;
	size_t count;
	int64_t deadline;
	char *why;
	size_t why_size;
};

static void note_trouble(struct exchange *x, const struct peer *p, const char *what)
{
	char a[PEER_TEXT];

	snprintf(x->why, x->why_size, "%s %s", peer_text(p->address, a), what);
	log_debug("name server %s", x->why);
}

static bool all_answered(const struct exchange *x)
{
	for (size_t i = 0; i < x->count; i++)
		if (!x->question[i].answered)
			return false;
	return true;
}

/* Some servers are silent to, or refuse, questions for the one kind of address and answer those for the other. */
static bool have_addresses(const struct exchange *x)
{
	for (size_t i = 0; i < x->count; i++)
		if (x->question[i].answered && x->question[i].count)
			return true;
	return false;
}

/* ---- answers */

/* Takes over what ANSWER says of Q. True when the question must be asked again, under the name it is an alias of. */
static bool take_answer(struct dns_question *q, struct dns_answer *answer)
{
	bool alias = q->type != DNS_PTR && !answer->count && !dns_name_equal(answer->name, q->name);

	str_copy(q->name, sizeof(q->name), answer->name);
	if (alias && answer->rcode == DNS_OK && q->aliases++ < MAX_ALIASES) {
		q->id = (uint16_t)random_u32();
		return true;
	}
	free(q->address);
	q->address = answer->address;
	q->count = answer->count;
	answer->address = NULL;
	q->rcode = answer->rcode;
	q->answered = true;
	return false;
}

static int send_query(struct exchange *x, struct peer *p, struct dns_question *q);
static int ask_by_tcp(struct exchange *x, struct peer *p, struct dns_question *q);

/* One well-formed answer to Q. */
static int use_answer(struct exchange *x, struct peer *p, struct dns_question *q, struct dns_answer *answer)
{
	if (answer->rcode != DNS_OK && answer->rcode != DNS_NO_SUCH_NAME) {
		char what[48];

		snprintf(what, sizeof(what), "cannot tell (code %u)", answer->rcode);
		note_trouble(x, p, what);
		p->refusals++;
		return -EAGAIN;
	}
	if (answer->odd)
		note_trouble(x, p, "names an address that is none, which is left out");
	return take_answer(q, answer) ? send_query(x, p, q) : 0;
}

/* Looks for the question that the message answers. 0; -EAGAIN when this server is of no more use for now; -ENOMEM. */
static int read_answer(struct exchange *x, struct peer *p, const uint8_t *message, size_t len, bool by_tcp)
{
	for (size_t i = 0; i < x->count; i++) {
		struct dns_question *q = &x->question[i];
		struct dns_answer answer;
		int err;

		if (q->answered)
			continue;
		err = dns_answer_read(message, len, q->id, q->name, q->type, &answer);
		if (err == -EBADMSG)
			note_trouble(x, p, "sent a damaged answer");
		if (err == -ENOMEM)
			return err;
		if (err)
			continue;
		if (answer.truncated && !by_tcp)
			err = ask_by_tcp(x, p, q);
		else
			err = use_answer(x, p, q, &answer);
		dns_answer_free(&answer);
		return err;
	}
	return 0;
}

static int receive(struct exchange *x, struct peer *p)
{
	uint8_t message[UDP_SIZE];
	ssize_t n = recv(p->fd, message, sizeof(message), 0);

	if (n >= 0)
		return read_answer(x, p, message, (size_t)n, false);
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	/* "Connection refused": the machine is there, its name server is not */
	note_trouble(x, p, err_text(errno));
	p->refusals++;
	return -EAGAIN;
}

/* ---- TCP (RFC 1035, 4.2.2; RFC 7766): a length before each message */

static int transfer(int fd, bool out, uint8_t *data, size_t len, int64_t deadline)
{
	while (len) {
		ssize_t n = out ? send(fd, data, len, MSG_NOSIGNAL) : recv(fd, data, len, 0);
		int err;

		if (n == 0)
			return -ECONNRESET;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		err = wait_fd(fd, out ? POLLOUT : POLLIN, deadline);
		if (err)
			return err;
	}
	return 0;
}

static int exchange_by_tcp(struct peer *p, struct buf *query, struct buf *answer, int64_t deadline)
{
	struct failure unused;
	uint8_t head[2] = { (uint8_t)(query->len >> 8), (uint8_t)query->len };
	cleanup_close int fd = net_connect(p->address, 1, deadline, &unused);
	size_t len;
	int err;

	if (fd < 0)
		return fd;
	err = transfer(fd, true, head, sizeof(head), deadline);
	if (!err)
		err = transfer(fd, true, (uint8_t *)query->data, query->len, deadline);
	if (!err)
		err = transfer(fd, false, head, sizeof(head), deadline);
	len = (size_t)(head[0] << 8 | head[1]);
	if (!err)
		err = buf_reserve(answer, len);
	if (!err)
		err = transfer(fd, false, (uint8_t *)answer->data, len, deadline);
	answer->len = len;
	return err;
}

static int ask_by_tcp(struct exchange *x, struct peer *p, struct dns_question *q)
{
	int64_t deadline = MIN(x->deadline, now_ms() + TCP_MS);
	cleanup_buf struct buf query = { 0 }, answer = { 0 };
	int err;

	q->id = (uint16_t)random_u32();
	err = dns_query_write(&query, q->id, q->name, q->type);
	if (err)
		return err;
	err = exchange_by_tcp(p, &query, &answer, deadline);
	if (err) {
		note_trouble(x, p, err_text(err));
		p->refusals++;
		return -EAGAIN;
	}
	return read_answer(x, p, (const uint8_t *)answer.data, answer.len, true);
}

/* ---- UDP */

static int open_peer(struct peer *p)
{
	/* The kernel picks a random source port: with the random id 32 bits that a forger must guess (RFC 5452). */
	p->fd = socket(p->address->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return -errno;
	return connect(p->fd, &p->address->u.sa, p->address->len) < 0 ? -errno : 0;
}

static int send_query(struct exchange *x, struct peer *p, struct dns_question *q)
{
	cleanup_buf struct buf query = { 0 };
	int err;

	/* The id stays while the question stays: whoever answers first, of all servers asked, is heard. */
	err = dns_query_write(&query, q->id, q->name, q->type);
	if (err)
		return err;
	err = p->fd < 0 ? open_peer(p) : 0;
	if (!err && send(p->fd, query.data, query.len, MSG_NOSIGNAL) < 0)
		err = -errno;
	if (err) {
		note_trouble(x, p, err_text(err));
		p->refusals++;
		return -EAGAIN;
	}
	return 0;
}

/* Asks P what is open. 0, -EAGAIN (P is of no use now), or -errno. */
static int ask(struct exchange *x, struct peer *p)
{
	int err = 0;

	for (size_t i = 0; i < x->count && !err; i++)
		if (!x->question[i].answered)
			err = send_query(x, p, &x->question[i]);
	return err;
}

/* Listens to all servers that were ever asked, until UNTIL, or until ASKED (may be NULL) is known to be of no use. */
static int listen_to(struct exchange *x, struct peer *asked, struct pollfd *poll_fd, int64_t until)
{
	while (!all_answered(x)) {
		int n;

		for (size_t i = 0; i < x->peer_count; i++)
			poll_fd[i] = (struct pollfd){ .fd = x->peer[i].fd, .events = POLLIN };
		n = poll(poll_fd, x->peer_count, ms_left(until));
		if (n < 0 && errno != EINTR)
			return -errno;
		for (size_t i = 0; n > 0 && i < x->peer_count; i++) {
			int err = poll_fd[i].revents ? receive(x, &x->peer[i]) : 0;

			if (err == -EAGAIN && &x->peer[i] == asked)
				return 0;
			if (err && err != -EAGAIN)
				return err;
		}
		if (now_ms() < until || all_answered(x))
			continue;
		if (asked) /* nobody pushes that away by sending something else all the time */
			note_trouble(x, asked, "does not answer");
		return 0;
	}
	return 0;
}

static bool all_refused(const struct exchange *x)
{
	for (size_t i = 0; i < x->peer_count; i++)
		if (x->peer[i].refusals < REFUSALS)
			return false;
	return true;
}

static int run(struct exchange *x, struct pollfd *poll_fd)
{
	int64_t try_ms = TRY_MS;

	for (size_t turn = 0; !all_answered(x); turn++) {
		struct peer *p = &x->peer[turn % x->peer_count];
		int64_t until = MIN(x->deadline, now_ms() + try_ms);
		int err = ask(x, p);

		if (!err)
			err = listen_to(x, p, poll_fd, until);
		if (err && err != -EAGAIN)
			return err;
		if (all_answered(x) || have_addresses(x))
			break;
		if (all_refused(x))
			return -EHOSTUNREACH;
		if (now_ms() >= x->deadline)
			return -ETIMEDOUT;
		if (turn % x->peer_count != x->peer_count - 1)
			continue;
		/* All were asked: those that refused at once get a moment before they are asked again. */
		err = listen_to(x, NULL, poll_fd, until);
		if (err)
			return err;
		try_ms = MIN(try_ms * 2, (int64_t)TRY_LONGEST_MS);
	}
	return 0;
}

int dns_ask(const struct peer_address *servers, size_t server_count, struct dns_question *questions, size_t count,
	    int64_t deadline, char *why, size_t why_size)
{
	struct exchange x = { .question = questions,
			      .count = count,
			      .deadline = deadline,
			      .peer_count = server_count,
			      .why = why,
			      .why_size = why_size };
	cleanup_free struct pollfd *poll_fd = calloc(server_count, sizeof(*poll_fd));
	cleanup_free struct peer *peers = calloc(server_count, sizeof(*peers));
	int err;

	*why = '\0';
	if (!server_count)
		return -EDESTADDRREQ;
	if (!poll_fd || !peers)
		return -ENOMEM;
	x.peer = peers;
	for (size_t i = 0; i < server_count; i++)
		peers[i] = (struct peer){ .address = &servers[i], .fd = -1 };
	for (size_t i = 0; i < count; i++)
		questions[i].id = (uint16_t)random_u32();
	err = run(&x, poll_fd);
	for (size_t i = 0; i < server_count; i++)
		if (peers[i].fd >= 0)
			close(peers[i].fd);
	return err;
}
