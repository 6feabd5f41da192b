/* net.c - simulated time, cables, firewalls and sockets: the second maker of relay/world.h. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim.h"

#include <stdio.h>

#define SEGMENT      16384    /* bytes sent at a time at most: the simulator's packet */
#define LARGE        1400     /* bytes a packet may have where an MTU hole is */
#define RETRANSMIT   200000   /* us */
#define USER_TIMEOUT 10000000 /* us without an acknowledgement after which a connection is broken (peer_tune) */
#define PROBE        2000000  /* us: keepalive */
#define SYN_TIMEOUT  127000000
#define BACKLOG      128

enum fd_kind { FD_FREE, FD_LISTEN, FD_SOCKET, FD_UDP };

struct conn;

struct fd {
	enum fd_kind kind;
	struct sim_machine *m;
	int next; /* of the machine's list, or of the free ones; -1: end */
	struct loop_fd *watch;
	bool edge; /* EPOLLET: something has come since it was told */
	uint16_t port;
	int low_water;
	struct conn *conn;
	int side;
	struct conn **backlog; /* FD_LISTEN */
	int waiting;
	struct buf datagram[64]; /* FD_UDP: 6 bytes of the sender, then what it said */
	int datagrams;
};

struct side {
	struct sim_machine *m;
	uint32_t ip;
	uint16_t port;
	int fd;             /* -1: not accepted yet, or closed */
	bool closed;        /* its program is not there any more */
	struct buf in, out; /* come and not read; written and not sent */
	size_t flying;      /* bytes on their way to this side */
	bool accepted;      /* side 0: it knows that the other side is there */
	bool end_written, end_come;
	int64_t last_arrival; /* us: nothing arrives before what was sent before */
	int64_t stuck;        /* us: what it sends vanishes since; 0: it does not */
	int64_t deaf;         /* us: its probes stay unanswered since */
	bool retrying;
	int error; /* for the program */
};

struct conn {
	struct side side[2]; /* 0: who connected */
	bool established, dead;
	int events; /* planned ones that name it */
};

enum event_kind {
	EV_WAKE,
	EV_SYN,
	EV_ACCEPTED,
	EV_REFUSED,
	EV_PORT,
	EV_SEGMENT,
	EV_RETRY,
	EV_PROBE,
	EV_DATAGRAM,
	EV_CALL
};

struct event {
	int64_t at;
	uint64_t order;
	enum event_kind kind;
	struct sim_machine *m;
	struct conn *conn;
	int side; /* the receiving one */
	int err;
	bool end; /* EV_SEGMENT: and no more comes */
	struct buf bytes;
	uint32_t ip;
	uint16_t port;
	void (*fn)(void *arg);
	void *arg;
};

struct sim sim;
void (*sim_alter)(struct sim_machine *m, uint8_t *p, size_t len);

static struct fd **fds;
static int fd_count, fd_free = -1;
static struct event *heap;
static size_t heap_count, heap_room;
static uint64_t order;
static struct conn **conns;
static size_t conn_count, conn_room;

/* ---- chance */

uint64_t chance_next(struct chance *c)
{
	uint64_t z = c->state += 0x9e3779b97f4a7c15u; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t chance_below(struct chance *c, uint32_t n)
{
	return n ? (uint32_t)((chance_next(c) >> 32) * n >> 32) : 0;
}

void sim_trace(const char *fmt, ...)
{
	va_list ap;

	if (!sim.trace)
		return;
	va_start(ap, fmt);
	printf("%9.3f  ", (double)sim.now / 1e6);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
}

/* ---- what is planned: a heap by time, then by order of planning */

static bool before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void plan(struct event e)
{
	size_t i;

	if (heap_count == heap_room) {
		heap_room = heap_room ? 2 * heap_room : 1024;
		heap = realloc(heap, heap_room * sizeof(*heap));
		if (!heap)
			abort();
	}
	e.order = ++order;
	if (e.conn)
		e.conn->events++;
	for (i = heap_count++; i > 0 && before(&e, &heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = e;
}

static struct event take_first(void)
{
	struct event first = heap[0], last = heap[--heap_count];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= heap_count)
			break;
		if (child + 1 < heap_count && before(&heap[child + 1], &heap[child]))
			child++;
		if (!before(&heap[child], &last))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	return first;
}

void sim_at(int64_t at, void (*fn)(void *arg), void *arg)
{
	plan((struct event){ .at = MAX(at, sim.now), .kind = EV_CALL, .fn = fn, .arg = arg });
}

void sim_wake(struct sim_machine *m, int64_t at)
{
	if (m->frozen || m->off || !m->loop_open || (m->wake_at && m->wake_at <= at))
		return;
	m->wake_at = MAX(at, sim.now);
	plan((struct event){ .at = m->wake_at, .kind = EV_WAKE, .m = m });
}

/* Something has happened for M: it runs soon, how soon is chance. */
static void poke(struct sim_machine *m)
{
	int64_t late = 20 + chance_below(&sim.chance, 80);

	if (m->lateness)
		late += chance_below(&sim.chance, (uint32_t)m->lateness);
	sim_wake(m, sim.now + late);
}

/* ---- descriptors */

static struct fd *fd_of(int fd)
{
	return fd >= SIM_BASE && fd - SIM_BASE < fd_count ? fds[fd - SIM_BASE] : NULL;
}

static int new_fd(struct sim_machine *m, enum fd_kind kind)
{
	struct fd *f;
	int i = fd_free;

	if (m->limit && m->descriptors >= m->limit)
		return -EMFILE;
	if (i >= 0) {
		fd_free = fds[i]->next;
	} else {
		i = fd_count++;
		if (i % 256 == 0)
			fds = realloc(fds, ((size_t)i + 256) * sizeof(*fds));
		if (!fds || !(fds[i] = calloc(1, sizeof(struct fd))))
			abort();
	}
	f = fds[i];
	*f = (struct fd){ .kind = kind, .m = m, .next = m->first_fd, .low_water = 1 };
	m->first_fd = i;
	m->descriptors++;
	return SIM_BASE + i;
}

static void free_fd(int i)
{
	struct fd *f = fds[i];
	int *p = &f->m->first_fd;

	while (*p != i)
		p = &fds[*p]->next;
	*p = f->next;
	f->m->descriptors--;
	free(f->backlog);
	for (int k = 0; k < f->datagrams; k++)
		buf_free(&f->datagram[k]);
	*f = (struct fd){ .next = fd_free };
	fd_free = i;
}

/* Who listens on PORT of the kernel on which M runs. */
static struct fd *listener_of(struct sim_machine *m, uint16_t port, enum fd_kind kind)
{
	for (struct sim_machine *p = m->host; p; p = p->guest)
		for (int i = p->first_fd; i >= 0; i = fds[i]->next)
			if (fds[i]->kind == kind && fds[i]->port == port)
				return fds[i];
	return NULL;
}

/* ---- addresses and ways */

struct peer_address sim_address(uint32_t ip, uint16_t port)
{
	struct peer_address a = { .u.in.sin_family = AF_INET, .len = sizeof(a.u.in) };

	a.u.in.sin_addr.s_addr = htonl(ip);
	a.u.in.sin_port = htons(port);
	return a;
}

static struct sim_machine *machine_at(struct sim_machine *from, uint32_t ip)
{
	if (ip >> 24 == 127)
		return from->host;
	for (int i = 0; i < sim.machines; i++)
		for (int k = 0; k < sim.machine[i]->addresses; k++)
			if (sim.machine[i]->address[k] == ip)
				return sim.machine[i];
	return NULL;
}

/* The address of M that somebody at IP sees. */
static uint32_t own_address(const struct sim_machine *m, uint32_t ip)
{
	if (ip >> 24 == 127)
		return ip;
	for (int k = 0; k < m->addresses; k++)
		if (m->address[k] == ip || m->address[k] >> 16 == ip >> 16)
			return m->address[k];
	return m->address[0];
}

static bool concerns(const struct sim_rule *r, const struct sim_machine *from, const struct sim_machine *to)
{
	return (r->from < 0 || r->from == from->index) && (r->to < 0 || r->to == to->index) && from->host != to->host &&
	       (!r->until || sim.now < r->until);
}

static const struct sim_rule *rule_for(const struct sim_machine *from, const struct sim_machine *to, uint16_t port)
{
	for (size_t i = 0; i < sim.rules; i++)
		if (sim.rule[i].kind <= RULE_DROP && concerns(&sim.rule[i], from, to) &&
		    (!sim.rule[i].port || sim.rule[i].port == port))
			return &sim.rule[i];
	return NULL;
}

static bool swallowed(const struct sim_machine *from, const struct sim_machine *to, size_t len)
{
	if (from->host == to->host)
		return from->off;
	if (from->off || to->off || from->unplugged || to->unplugged)
		return true;
	for (size_t i = 0; i < sim.rules; i++)
		if (concerns(&sim.rule[i], from, to) &&
		    (sim.rule[i].kind == RULE_CUT || (sim.rule[i].kind == RULE_MTU && len > LARGE)))
			return true;
	return false;
}

void sim_rule_add(const struct sim_rule *r)
{
	sim.rule = realloc(sim.rule, (sim.rules + 1) * sizeof(*r));
	if (!sim.rule)
		abort();
	sim.rule[sim.rules++] = *r;
}

/* When LEN bytes that leave FROM now are at the switch's port of TO. */
static int64_t leave(struct sim_machine *from, struct sim_machine *to, size_t len)
{
	if (from->host == to->host)
		return sim.now + 10;
	from->up_free = MAX(from->up_free, sim.now) + (int64_t)((double)(len + 66) / from->rate);
	return from->up_free + from->latency + to->latency;
}

static int64_t round_trip(const struct sim_machine *a, const struct sim_machine *b)
{
	return a->host == b->host ? 20 : 2 * (a->latency + b->latency) + 20;
}

/* ---- connections */

static void wake_fd(int fd)
{
	struct fd *f = fd_of(fd);

	if (!f)
		return;
	f->edge = true;
	if (f->watch)
		poke(f->m);
}

static void break_side(struct conn *c, int side, int err)
{
	struct side *s = &c->side[side];

	if (s->closed || s->error)
		return;
	s->error = err;
	buf_free(&s->out);
	wake_fd(s->fd);
}

static void maybe_free(struct conn *c)
{
	if (c->events == 0 && c->side[0].closed && c->side[1].closed && !c->dead) {
		c->dead = true; /* memory is given back at the end of the run, and when many are dead */
		for (int i = 0; i < 2; i++) {
			buf_free(&c->side[i].in);
			buf_free(&c->side[i].out);
		}
	}
}

static void retry(struct conn *c, int side)
{
	if (c->side[side].retrying)
		return;
	c->side[side].retrying = true;
	plan((struct event){ .at = sim.now + RETRANSMIT, .kind = EV_RETRY, .conn = c, .side = side });
}

/* Bytes that may be on their way from A to B: a tenth of a second's, as queues between them hold. */
static size_t window(const struct sim_machine *a, const struct sim_machine *b)
{
	double rate = MIN(a->rate, b->rate);

	return (size_t)MIN(MAX(rate * (double)(100000 + round_trip(a, b)), 4.0 * 1448), (double)SIM_SOCKET);
}

/* Sends what SIDE has written as far as the other side has room. */
static void push(struct conn *c, int side)
{
	struct side *s = &c->side[side], *to = &c->side[1 - side];

	while (c->established && !s->retrying && !s->error && (s->out.len || s->end_written)) {
		size_t room = SIM_SOCKET - MIN(to->in.len + to->flying, (size_t)SIM_SOCKET), most = window(s->m, to->m),
		       n;
		struct event e = { .kind = EV_PORT, .conn = c, .side = 1 - side };

		room = MIN(room, most - MIN(most, to->flying));
		n = MIN(MIN(s->out.len, room), MIN(most / 4, SEGMENT));
		if (s->out.len && !n)
			return; /* it is told when the other side has read */
		if (swallowed(s->m, to->m, n)) {
			if (!s->stuck)
				s->stuck = sim.now;
			if (sim.now - s->stuck > USER_TIMEOUT)
				break_side(c, side, -ETIMEDOUT);
			else
				retry(c, side);
			return;
		}
		s->stuck = 0;
		e.end = s->end_written && n == s->out.len;
		e.at = MAX(leave(s->m, to->m, n), to->last_arrival);
		if (sim.loss && s->m->host != to->m->host && chance_one_in(&sim.chance, sim.loss))
			e.at += RETRANSMIT;
		to->last_arrival = e.at;
		if (n && buf_add(&e.bytes, s->out.data, n) < 0)
			abort();
		if (n && sim_alter)
			sim_alter(s->m, (uint8_t *)e.bytes.data, n);
		buf_drop(&s->out, n);
		to->flying += n;
		s->m->sent += n;
		plan(e);
		if (e.end) {
			s->end_written = false;
			break;
		}
	}
	if (s->out.len < SIM_SOCKET)
		wake_fd(s->fd);
}

/* A segment is at the port before its receiver: behind what is there already, whoever sent it. */
static void pass_port(struct event *e)
{
	struct conn *c = e->conn;
	struct sim_machine *m = c->side[e->side].m;
	struct event next = *e;

	next.kind = EV_SEGMENT;
	next.at = sim.now;
	if (m->host != c->side[1 - e->side].m->host)
		next.at = m->down_free = MAX(m->down_free, sim.now) + (int64_t)((double)(e->bytes.len + 66) / m->rate);
	plan(next);
}

static void arrive(struct event *e)
{
	struct conn *c = e->conn;
	struct side *s = &c->side[e->side];

	s->flying -= MIN(s->flying, e->bytes.len);
	if (s->m->off) {
		/* vanishes; its sender's probes will tell */
	} else if (s->closed || s->error) {
		break_side(c, 1 - e->side, -ECONNRESET);
	} else {
		if (e->bytes.len && buf_add(&s->in, e->bytes.data, e->bytes.len) < 0)
			abort();
		s->end_come = s->end_come || e->end;
		wake_fd(s->fd);
		push(c, 1 - e->side);
	}
	buf_free(&e->bytes);
}

/* Keepalive: is the other side's kernel there, does it know of this connection? */
static void probe(struct conn *c)
{
	for (int i = 0; i < 2; i++) {
		struct side *s = &c->side[i], *to = &c->side[1 - i];

		if (s->closed || s->error || s->m->off)
			continue;
		if (swallowed(s->m, to->m, 0) || swallowed(to->m, s->m, 0)) {
			s->deaf = s->deaf ? s->deaf : sim.now;
			if (sim.now - s->deaf >= USER_TIMEOUT)
				break_side(c, i, -ETIMEDOUT);
		} else {
			s->deaf = 0;
			if (to->closed && !to->flying && !s->flying && !s->end_come && !to->out.len && !to->retrying)
				break_side(c, i, -ECONNRESET);
		}
	}
	if (!c->side[0].closed || !c->side[1].closed)
		plan((struct event){ .at = sim.now + PROBE, .kind = EV_PROBE, .conn = c });
}

static int sim_connect(struct loop *l, const struct peer_address *a)
{
	struct sim_machine *m = l->machine, *to;
	uint32_t ip = ntohl(a->u.in.sin_addr.s_addr);
	uint16_t port = ntohs(a->u.in.sin_port);
	const struct sim_rule *r;
	struct conn *c;
	int fd;

	if (a->u.sa.sa_family != AF_INET)
		return -EAFNOSUPPORT;
	to = machine_at(m, ip);
	r = to ? rule_for(m, to, port) : NULL;
	if (r && r->kind == RULE_REJECT && r->from >= 0 && chance_one_in(&sim.chance, 2))
		return -EHOSTUNREACH; /* its own rules say so before a packet leaves */
	fd = new_fd(m, FD_SOCKET);
	if (fd < 0)
		return fd;
	c = calloc(1, sizeof(*c));
	if (conn_count == conn_room) {
		conn_room = conn_room ? 2 * conn_room : 256;
		conns = realloc(conns, conn_room * sizeof(*conns));
	}
	if (!c || !conns)
		abort();
	conns[conn_count++] = c;
	c->side[0] = (struct side){ .m = m, .ip = own_address(m, ip), .port = m->next_port++, .fd = fd };
	c->side[1] = (struct side){ .m = to ? to : m, .ip = ip, .port = port, .fd = -1, .closed = true };
	if (m->next_port < 32768)
		m->next_port = 32768;
	fd_of(fd)->conn = c;
	if (!to)
		plan((struct event){ .at = sim.now + 3000000, .kind = EV_REFUSED, .conn = c, .err = -EHOSTUNREACH });
	else if (r && r->kind == RULE_DROP)
		plan((struct event){ .at = sim.now + SYN_TIMEOUT, .kind = EV_REFUSED, .conn = c, .err = -ETIMEDOUT });
	else if (r)
		plan((struct event){ .at = sim.now + round_trip(m, to),
				     .kind = EV_REFUSED,
				     .conn = c,
				     .err = r->kind == RULE_REJECT ? -EHOSTUNREACH : -ECONNREFUSED });
	else
		plan((struct event){ .at = sim.now + round_trip(m, to) / 2, .kind = EV_SYN, .conn = c });
	return fd;
}

/* The first packet of a connection is where it was sent, or is sent once more. */
static void take_syn(struct event *e)
{
	struct conn *c = e->conn;
	struct side *s = &c->side[1];
	struct sim_machine *from = c->side[0].m;
	struct fd *f;
	int64_t back = sim.now + round_trip(from, s->m) / 2;

	if (c->side[0].closed)
		return;
	if (swallowed(from, s->m, 0) || swallowed(s->m, from, 0)) {
		e->err += e->err ? e->err : 1000; /* ms: 1, 2, 4 ... */
		plan((struct event){ .at = sim.now + 1000 * (int64_t)e->err,
				     .kind = e->err > 60000 ? EV_REFUSED : EV_SYN,
				     .conn = c,
				     .err = e->err > 60000 ? -ETIMEDOUT : e->err });
		return;
	}
	f = listener_of(s->m, s->port, FD_LISTEN);
	if (!f || f->waiting >= BACKLOG) {
		plan((struct event){ .at = back, .kind = EV_REFUSED, .conn = c, .err = -ECONNREFUSED });
		return;
	}
	s->m = f->m;
	s->closed = false;
	f->backlog = realloc(f->backlog, BACKLOG * sizeof(*f->backlog));
	if (!f->backlog)
		abort();
	f->backlog[f->waiting++] = c;
	c->established = true;
	f->edge = true;
	poke(s->m);
	plan((struct event){ .at = back, .kind = EV_ACCEPTED, .conn = c });
	plan((struct event){ .at = sim.now + PROBE, .kind = EV_PROBE, .conn = c });
}

static int sim_listen(struct loop *l, uint16_t port)
{
	struct sim_machine *m = l->machine;
	int fd;

	while (!port && listener_of(m, m->next_port, FD_LISTEN))
		m->next_port++;
	if (port && listener_of(m, port, FD_LISTEN))
		return -EADDRINUSE;
	fd = new_fd(m, FD_LISTEN);
	if (fd >= 0)
		fd_of(fd)->port = port ? port : m->next_port++;
	return fd;
}

static int sim_accept(struct loop *l, int listener, struct peer_address *from)
{
	struct fd *f = fd_of(listener);
	struct conn *c;
	int fd;

	if (!f || f->kind != FD_LISTEN)
		return -EBADF;
	if (f->waiting == 0)
		return -EAGAIN;
	fd = new_fd(l->machine, FD_SOCKET);
	if (fd < 0)
		return fd;
	c = f->backlog[0];
	memmove(f->backlog, f->backlog + 1, (size_t)--f->waiting * sizeof(*f->backlog));
	c->side[1].fd = fd;
	fd_of(fd)->conn = c;
	fd_of(fd)->side = 1;
	*from = sim_address(c->side[0].ip, c->side[0].port);
	return fd;
}

static struct side *side_of(int fd, struct conn **c, int *side)
{
	struct fd *f = fd_of(fd);

	if (!f || f->kind != FD_SOCKET)
		return NULL;
	*c = f->conn;
	*side = f->side;
	return &f->conn->side[f->side];
}

static int sim_error(struct loop *l, int fd)
{
	struct conn *c;
	int i;
	struct side *s = side_of(fd, &c, &i);

	(void)l;
	return s ? s->error : -EBADF;
}

static int sim_address_of(struct loop *l, int fd, bool far, struct peer_address *a)
{
	struct fd *f = fd_of(fd);

	if (!f)
		return -EBADF;
	if (f->kind != FD_SOCKET) {
		*a = sim_address(((struct sim_machine *)l->machine)->address[0], f->port);
		return far ? -ENOTCONN : 0;
	}
	f = fd_of(fd);
	*a = sim_address(f->conn->side[f->side ^ far].ip, f->conn->side[f->side ^ far].port);
	return f->conn->established ? 0 : -ENOTCONN;
}

static ssize_t sim_read(struct loop *l, int fd, void *to, size_t len, bool peek)
{
	struct conn *c;
	int i;
	struct side *s = side_of(fd, &c, &i);
	size_t n = s ? MIN(len, s->in.len) : 0;

	(void)l;
	if (!s)
		return -EBADF;
	if (n) {
		memcpy(to, s->in.data, n);
		if (!peek) {
			buf_drop(&s->in, n);
			push(c, 1 - i);
		}
		return (ssize_t)n;
	}
	return s->error ? s->error : s->end_come ? 0 : -EAGAIN;
}

static ssize_t sim_write(struct loop *l, int fd, const void *bytes, size_t len, bool more)
{
	struct conn *c;
	int i;
	struct side *s = side_of(fd, &c, &i);
	size_t n = s ? MIN(len, SIM_SOCKET - MIN(s->out.len, (size_t)SIM_SOCKET)) : 0;

	(void)more;
	if (!s)
		return -EBADF;
	if (s->error || s->end_written)
		return s->error ? s->error : -EPIPE;
	if (n == 0 || !c->established || (i == 0 && !s->accepted))
		return -EAGAIN;
	if (buf_add(&s->out, bytes, n) < 0)
		return -ENOMEM;
	((struct sim_machine *)l->machine)->messages++;
	push(c, i);
	return (ssize_t)n;
}

static ssize_t sim_send_file(struct loop *l, int fd, int file, int64_t at, size_t len)
{
	(void)l;
	(void)fd;
	(void)file;
	(void)at;
	(void)len;
	abort(); /* the simulator's stores send by themselves: disk.c */
}

static void sim_low_water(struct loop *l, int fd, int bytes)
{
	(void)l;
	fd_of(fd)->low_water = MIN(bytes, SIM_SOCKET / 2);
}

static void sim_finish(struct loop *l, int fd)
{
	struct conn *c;
	int i;
	struct side *s = side_of(fd, &c, &i);

	(void)l;
	if (!s || s->error)
		return;
	s->end_written = true;
	push(c, i);
}

static void close_socket(struct fd *f, bool abrupt)
{
	struct conn *c = f->conn;
	struct side *s = &c->side[f->side];
	bool unread = s->in.len > 0;

	s->closed = true;
	s->fd = -1;
	if (s->m->off) { /* nobody is told: it is as if the plug had been pulled */
		s->error = -ECONNRESET;
		buf_free(&s->out);
	}
	if (!c->established || s->error)
		return;
	if (unread || abrupt) {
		buf_free(&s->out);
		s->stuck = 0;
		break_side(c, 1 - f->side, -ECONNRESET);
	} else {
		s->end_written = true;
		push(c, f->side);
	}
	maybe_free(c);
}

static void sim_shut(struct loop *l, int fd, bool abrupt)
{
	struct fd *f = fd_of(fd);

	(void)l;
	if (!f || f->kind == FD_FREE)
		abort(); /* closed twice: a bug of the program */
	if (f->kind == FD_SOCKET)
		close_socket(f, abrupt);
	for (int i = 0; f->kind == FD_LISTEN && i < f->waiting; i++) {
		f->backlog[i]->side[1].closed = true;
		if (!f->m->off)
			break_side(f->backlog[i], 0, -ECONNRESET);
	}
	free_fd(fd - SIM_BASE);
}

/* ---- datagrams */

static int sim_datagrams(struct loop *l, uint16_t port, bool both)
{
	struct sim_machine *m = l->machine;
	int fd = new_fd(m, FD_UDP);

	(void)both;
	if (fd >= 0)
		fd_of(fd)->port = port ? port : m->next_port++;
	return fd;
}

static void send_datagram(struct sim_machine *from, struct sim_machine *to, uint32_t ip, uint16_t sender, uint16_t port,
			  const void *bytes, size_t len)
{
	struct event e = { .at = sim.now + from->latency + to->latency, .kind = EV_DATAGRAM, .m = to, .port = port };
	uint8_t head[6];

	if (swallowed(from, to, len) || rule_for(from, to, port))
		return;
	memcpy(head, &ip, 4);
	memcpy(head + 4, &sender, 2);
	buf_add(&e.bytes, head, 6);
	if (buf_add(&e.bytes, bytes, len) < 0)
		abort();
	plan(e);
}

static void sim_tell(struct loop *l, int fd, uint16_t port, const void *bytes, size_t len,
		     const struct peer_address *to, size_t count)
{
	struct sim_machine *m = l->machine;

	for (int i = 0; i < sim.machines; i++)
		if (sim.machine[i] != m && listener_of(sim.machine[i], port, FD_UDP))
			send_datagram(m, sim.machine[i], own_address(m, sim.machine[i]->address[0]), fd_of(fd)->port,
				      port, bytes, len);
	for (size_t i = 0; i < count; i++) {
		uint32_t ip = ntohl(to[i].u.in.sin_addr.s_addr);
		struct sim_machine *there = machine_at(m, ip);

		if (there)
			send_datagram(m, there, own_address(m, ip), fd_of(fd)->port, peer_port(&to[i]), bytes, len);
	}
}

static void take_datagram(struct event *e)
{
	struct fd *f = e->m->off ? NULL : listener_of(e->m, e->port, FD_UDP);

	if (f && f->datagrams < (int)ARRAY_SIZE(f->datagram)) {
		f->datagram[f->datagrams++] = e->bytes;
		poke(e->m);
	} else {
		buf_free(&e->bytes);
	}
}

static ssize_t sim_hear(struct loop *l, int fd, void *to, size_t len, struct peer_address *from)
{
	struct fd *f = fd_of(fd);
	uint32_t ip;
	uint16_t port;
	size_t n;

	(void)l;
	if (!f->datagrams)
		return -EAGAIN;
	memcpy(&ip, f->datagram[0].data, 4);
	memcpy(&port, f->datagram[0].data + 4, 2);
	n = MIN(len, f->datagram[0].len - 6);
	memcpy(to, f->datagram[0].data + 6, n);
	*from = sim_address(ip, port);
	buf_free(&f->datagram[0]);
	memmove(f->datagram, f->datagram + 1, (size_t)--f->datagrams * sizeof(f->datagram[0]));
	return (ssize_t)n;
}

/* ---- waiting */

static int sim_open(struct loop *l)
{
	(void)l;
	return 0;
}

static void sim_close(struct loop *l)
{
	(void)l;
}

static int64_t sim_now(struct loop *l)
{
	(void)l;
	return sim.now / 1000;
}

static int sim_watch(struct loop *l, struct loop_fd *w, bool add)
{
	struct fd *f = fd_of(w->fd);

	if (!f || f->kind == FD_FREE || (!add && f->watch != w))
		return -ENOENT;
	f->watch = w;
	f->edge = true;
	poke(l->machine);
	return 0;
}

static void sim_forget(struct loop *l, struct loop_fd *w)
{
	struct fd *f = fd_of(w->fd);

	(void)l;
	if (f && f->watch == w)
		f->watch = NULL;
}

static uint32_t events_of(const struct fd *f)
{
	const struct side *s;
	uint32_t e = 0;

	if (f->kind == FD_LISTEN)
		return f->waiting ? EPOLLIN : 0;
	if (f->kind == FD_UDP)
		return f->datagrams ? EPOLLIN : 0;
	s = &f->conn->side[f->side];
	if (s->error)
		return EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP;
	if (!f->conn->established || (f->side == 0 && !s->accepted))
		return 0;
	if (s->end_come || s->in.len >= (size_t)f->low_water)
		e |= EPOLLIN;
	if (s->out.len < SIM_SOCKET / 2 && !s->end_written)
		e |= EPOLLOUT;
	return e;
}

static int sim_wait(struct loop *l, struct epoll_event *events, int count, int ms)
{
	struct sim_machine *m = l->machine;
	int n = 0;

	(void)ms;
	for (int i = m->first_fd; i >= 0 && n < count; i = fds[i]->next) {
		struct fd *f = fds[i];
		uint32_t e = f->watch ? events_of(f) & (f->watch->events | EPOLLERR | EPOLLHUP) : 0;

		if (!e || (f->watch->events & EPOLLET && !f->edge))
			continue;
		f->edge = false;
		events[n++] = (struct epoll_event){ .events = e, .data.ptr = f->watch };
	}
	for (int i = n - 1; i > 0; i--) { /* in any order: nothing may depend on it */
		int k = (int)chance_below(&sim.chance, (uint32_t)i + 1);
		struct epoll_event swap = events[i];

		events[i] = events[k];
		events[k] = swap;
	}
	return n;
}

static bool has_events(const struct sim_machine *m)
{
	for (int i = m->first_fd; i >= 0; i = fds[i]->next) {
		const struct fd *f = fds[i];

		if (f->watch && (!(f->watch->events & EPOLLET) || f->edge) &&
		    events_of(f) & (f->watch->events | EPOLLERR | EPOLLHUP))
			return true;
	}
	return false;
}

static void run_machine(struct sim_machine *m)
{
	int64_t next;

	if (m->wake_at > sim.now || !m->wake_at || m->frozen || m->off || !m->loop_open)
		return;
	m->wake_at = 0;
	m->wakes++;
	if (loop_step(&m->loop, 0) < 0)
		abort();
	if (m->after)
		m->after(m);
	if (!m->loop_open)
		return;
	if (has_events(m))
		poke(m);
	next = loop_next(&m->loop);
	if (next)
		sim_wake(m, MAX(next * 1000, sim.now + 1) +
				    (m->lateness ? (int64_t)chance_below(&sim.chance, (uint32_t)m->lateness) : 0));
}

const struct world sim_world = {
	.open = sim_open,
	.close = sim_close,
	.now = sim_now,
	.watch = sim_watch,
	.forget = sim_forget,
	.wait = sim_wait,
	.connect = sim_connect,
	.listen = sim_listen,
	.accept = sim_accept,
	.error = sim_error,
	.address = sim_address_of,
	.read = sim_read,
	.write = sim_write,
	.send_file = sim_send_file,
	.low_water = sim_low_water,
	.end = sim_finish,
	.shut = sim_shut,
	.datagrams = sim_datagrams,
	.tell = sim_tell,
	.hear = sim_hear,
};

/* ---- machines */

struct sim_machine *sim_add_machine(uint32_t address, double rate, int64_t latency)
{
	struct sim_machine *m = calloc(1, sizeof(*m));

	sim.machine = realloc(sim.machine, ((size_t)sim.machines + 1) * sizeof(struct sim_machine *));
	if (!m || !sim.machine)
		abort();
	*m = (struct sim_machine){ .index = sim.machines,
				   .address = { address },
				   .addresses = 1,
				   .rate = rate,
				   .latency = latency,
				   .first_fd = -1,
				   .next_port = 40000,
				   .host = m };
	sim.machine[sim.machines++] = m;
	return m;
}

struct sim_machine *sim_add_program(struct sim_machine *host)
{
	struct sim_machine *m = sim_add_machine(host->address[0], host->rate, host->latency);

	memcpy(m->address, host->address, sizeof(m->address));
	m->addresses = host->addresses;
	m->host = host;
	m->next_port = 50000;
	m->guest = host->guest;
	host->guest = m;
	return m;
}

void sim_start(struct sim_machine *m)
{
	if (loop_open_in(&m->loop, &sim_world) < 0)
		abort();
	m->loop.machine = m;
	m->loop_open = true;
	sim_wake(m, sim.now + 10);
}

void sim_stop(struct sim_machine *m)
{
	if (!m->loop_open)
		return;
	loop_close(&m->loop);
	m->loop_open = false;
	m->wake_at = 0;
	while (m->first_fd >= 0)
		sim_shut(&m->loop, SIM_BASE + m->first_fd, false);
}

void sim_reset(struct sim_machine *m)
{
	for (size_t i = 0; i < conn_count; i++)
		if (!conns[i]->dead && conns[i]->established &&
		    (conns[i]->side[0].m == m || conns[i]->side[1].m == m)) {
			break_side(conns[i], 0, -ECONNRESET);
			break_side(conns[i], 1, -ECONNRESET);
		}
}

/* ---- running */

static void happen(struct event *e)
{
	switch (e->kind) {
	case EV_WAKE:
		run_machine(e->m);
		break;
	case EV_SYN:
		take_syn(e);
		break;
	case EV_ACCEPTED:
		e->conn->side[0].accepted = true;
		wake_fd(e->conn->side[0].fd);
		push(e->conn, 0);
		break;
	case EV_REFUSED:
		break_side(e->conn, 0, e->err);
		break;
	case EV_PORT:
		pass_port(e);
		break;
	case EV_SEGMENT:
		arrive(e);
		break;
	case EV_RETRY:
		e->conn->side[e->side].retrying = false;
		push(e->conn, e->side);
		break;
	case EV_PROBE:
		probe(e->conn);
		break;
	case EV_DATAGRAM:
		take_datagram(e);
		break;
	case EV_CALL:
		e->fn(e->arg);
		break;
	}
}

/* Forgets connections that nobody has any more. */
static void sweep(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < conn_count; i++) {
		maybe_free(conns[i]);
		if (conns[i]->dead)
			free(conns[i]);
		else
			conns[kept++] = conns[i];
	}
	conn_count = kept;
}

void sim_run(int64_t until)
{
	while (heap_count && heap[0].at <= until && !sim.stopped) {
		struct event e = take_first();

		sim.now = e.at;
		sim.events++;
		if (e.conn)
			e.conn->events--;
		happen(&e);
		if (e.conn)
			maybe_free(e.conn);
		if (sim.events % 65536 == 0)
			sweep();
	}
	if (!sim.stopped)
		sim.now = until;
}

void sim_begin(uint64_t seed)
{
	sim = (struct sim){ .now = 1000000, .chance = { seed }, .trace = sim.trace };
	order = 0;
	sim_alter = NULL;
}

void sim_end(void)
{
	for (int i = 0; i < sim.machines; i++) {
		while (sim.machine[i]->first_fd >= 0)
			free_fd(sim.machine[i]->first_fd);
		if (sim.machine[i]->loop_open)
			loop_close(&sim.machine[i]->loop);
		free(sim.machine[i]);
	}
	for (size_t i = 0; i < heap_count; i++)
		buf_free(&heap[i].bytes);
	heap_count = 0;
	for (size_t i = 0; i < conn_count; i++) {
		for (int k = 0; k < 2; k++) {
			buf_free(&conns[i]->side[k].in);
			buf_free(&conns[i]->side[k].out);
		}
		free(conns[i]);
	}
	conn_count = 0;
	for (int i = 0; i < fd_count; i++)
		free(fds[i]);
	fd_count = 0;
	fd_free = -1;
	free(fds);
	free(conns);
	fds = NULL;
	conns = NULL;
	conn_room = 0;
	free(sim.machine);
	free(sim.rule);
	sim.machine = NULL;
	sim.rule = NULL;
	sim.machines = 0;
	sim.rules = 0;
}
