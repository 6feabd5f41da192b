/* session.c - a schedule -> a head and nodes, the real ones, among its faults; judged at every step and at the end. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schedule.h"

#include "relay/intervals.h"

#include <stdio.h>

/* What may become of a node. */
enum expected {
	MUST,   /* it has everything in the end */
	MAY,    /* or it is named */
	CANNOT, /* it is named, with the reason */
};

struct actor {
	struct sim_machine *m;
	struct node node;
	struct sim_disk disk;
	bool running, leaving, never, refuses, lies, stale;
	int64_t begins;
	int restarts;
	struct loop_timer medium;
	enum expected expected;
};

static struct {
	const struct schedule *s;
	bool words;
	uint8_t *image;
	struct actor *actor; /* [nodes + 1] */
	struct sim_machine *head_machine, *stranger;
	struct head head;
	struct map map;
	struct rstore store;
	struct sim_disk disk;
	bool head_running, head_leaving, head_over;
	struct verdict v;
	int64_t bound;
	int floods;
} w;

void sim_violated(const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (w.v.violations++ == 0)
		str_copy(w.v.first, sizeof(w.v.first), text);
	if (w.words)
		printf("%9.3f  VIOLATED: %s\n", (double)sim.now / 1e6, text);
}

static void say(const char *who, const char *line)
{
	if (w.words)
		printf("%9.3f  %s: %s\n", (double)sim.now / 1e6, who, line);
}

static uint32_t address_of(int i)
{
	return i ? 0x0a090000u + (1u + (uint32_t)i / 200) * 256 + (uint32_t)i % 200 + 1 : 0x0a090001u;
}

static const char *name_of(int i, char name[16])
{
	snprintf(name, 16, "node%d", i);
	return name;
}

/* ---- a node's program */

static int on_open(struct node *n, const struct wire_job *job, struct rstore *store, struct failure *f)
{
	struct actor *a = n->owner;

	if (a->refuses)
		return fail(f, FAIL_IMG_STORE, -EACCES, "%s: Permission denied", job->target);
	sim_disk_open(store, &a->disk);
	return 0;
}

static void on_medium(struct loop_timer *t)
{
	struct actor *a = container_of(t, struct actor, medium);

	node_confirm(&a->node, 0, NULL);
}

static void on_complete(struct node *n)
{
	struct actor *a = n->owner;

	if (!a->disk.rot && memcmp(a->disk.bytes, w.image, (size_t)w.s->image) != 0)
		sim_violated("node %d thinks it has everything, and has not", a->m->index);
	a->medium.fire = on_medium;
	loop_at(&a->m->loop, &a->medium, loop_now(&a->m->loop) + a->disk.sync_ms + 1);
}

static void on_node_note(struct node *n, const char *line)
{
	char name[16];

	say(name_of((int)((struct actor *)n->owner - w.actor), name), line);
}

static void maybe_stop(void)
{
	if (!w.head_over || w.head_running)
		return;
	for (int i = 1; i <= w.s->nodes; i++)
		if (w.actor[i].running && w.actor[i].node.state != NODE_WAITING && !w.actor[i].m->frozen)
			return;
	sim.stopped = true;
}

static void on_node_ended(struct node *n, int err, const struct failure *f)
{
	struct actor *a = n->owner;
	char name[16];

	say(name_of((int)(a - w.actor), name), err ? f->detail : "ends: everything is there");
	a->leaving = true;
}

static const struct node_calls node_calls = {
	.open = on_open,
	.complete = on_complete,
	.note = on_node_note,
	.ended = on_node_ended,
};

static void stop_node(struct actor *a)
{
	if (!a->running)
		return;
	loop_forget(&a->m->loop, &a->medium);
	node_close(&a->node);
	sim_stop(a->m);
	a->running = a->leaving = false;
}

static void after_node(struct sim_machine *m)
{
	struct actor *a = m->owner;

	if (a->leaving)
		stop_node(a);
	maybe_stop();
}

static void start_node(void *arg)
{
	struct actor *a = arg;
	struct node_options o = { .group = "dolly", .name = "", .announce = true };
	struct failure f = { 0 };

	if (a->running || a->never)
		return;
	sim_start(a->m);
	a->m->owner = a;
	a->m->after = after_node;
	a->running = true;
	if (node_open(&a->node, &a->m->loop, &o, &node_calls, a, &f) < 0) {
		node_close(&a->node);
		sim_stop(a->m);
		a->running = false;
	}
}

/* ---- the head's */

static void on_head_note(struct head *h, const char *line)
{
	(void)h;
	say("head", line);
}

static struct actor *actor_of(const struct head_node *n)
{
	int i = 0;

	if (sscanf(n->name, "node%d", &i) == 1 && i >= 1 && i <= w.s->nodes)
		return &w.actor[i];
	for (i = 1; i <= w.s->nodes; i++) /* one that announced itself */
		if (ntohl(n->address.u.in.sin_addr.s_addr) == w.actor[i].m->address[0])
			return &w.actor[i];
	return NULL;
}

static void on_changed(struct head *h, struct head_node *n)
{
	struct actor *a = actor_of(n);

	(void)h;
	if (w.words)
		printf("%9.3f  head: %s is %s\n", (double)sim.now / 1e6, n->name, head_state_name(n->state));
	if (n->state == HEAD_DONE && a && !a->lies && !a->disk.rot &&
	    memcmp(a->disk.bytes, w.image, (size_t)w.s->image) != 0)
		sim_violated("the head takes %s for done, and it is not", n->name);
}

static void judge_node(const struct head_node *n)
{
	struct actor *a = actor_of(n);

	if (n->state == HEAD_DONE || n->state == HEAD_DROPPED) {
		w.v.done += n->state == HEAD_DONE;
		return;
	}
	w.v.failed++;
	if (w.words)
		printf("%9.3f  head: NOT DONE %s (%s): %s\n", (double)sim.now / 1e6, n->name, head_state_name(n->state),
		       head_why(n));
	if (!head_why(n)[0] || streq(head_why(n), head_state_name(n->state)))
		sim_violated("%s did not get everything (%s), and nobody says why", n->name, head_state_name(n->state));
	if (a && a->expected == MUST)
		sim_violated("%s fails, and it is not its fault: %s", n->name, head_why(n));
}

static void on_head_ended(struct head *h, int err)
{
	uint32_t taken = 0;
	bool all = true;

	w.v.ended = sim.now;
	w.head_over = w.head_leaving = true;
	for (uint32_t i = 1; i <= h->count; i++) {
		judge_node(h->node[i]);
		all = all && (h->node[i]->state == HEAD_DONE || h->node[i]->state == HEAD_DROPPED);
		taken += h->node[i]->state == HEAD_DONE;
	}
	if ((err == 0) != (all && taken > 0 && (int)taken >= w.s->wanted))
		sim_violated("the head's result is %d", err);
	say("head", err ? "ends: not all" : "ends");
}

static const struct head_calls head_calls = { .note = on_head_note, .changed = on_changed, .ended = on_head_ended };

static void stop_head(void)
{
	if (!w.head_running)
		return;
	head_close(&w.head);
	sim_stop(w.head_machine);
	w.head_running = w.head_leaving = false;
}

static void after_head(struct sim_machine *m)
{
	(void)m;
	if (w.head_leaving)
		stop_head();
	maybe_stop();
}

static void list_nodes(void)
{
	char name[24];

	for (int i = 1; i <= w.s->nodes && !w.s->wanted; i++) {
		struct actor *a = &w.actor[i];
		uint32_t ip = a->m->host == w.head_machine ? 0x7f000001 : a->m->address[0];
		struct peer_address at = sim_address(ip, 0), dead = sim_address(0x0a09fe00u + (uint32_t)i, 0);
		struct head_node *n = head_add(&w.head, a->stale ? &dead : &at, name_of(i, name));

		if (!n || (a->stale && head_also(n, &at) < 0))
			abort();
	}
	for (int i = 0; i < w.s->faults && !w.s->wanted; i++) {
		const struct fault *f = &w.s->fault[i];
		struct peer_address at;

		if (f->kind != FAULT_twice || f->a < 1 || f->a > w.s->nodes || w.actor[f->a].m->addresses < 2)
			continue;
		at = sim_address(w.actor[f->a].m->address[1], 0);
		snprintf(name, sizeof(name), "second%d", f->a);
		if (!head_add(&w.head, &at, name))
			abort();
	}
}

static void start_head(void *arg)
{
	const struct schedule *s = w.s;
	struct head_options o = { .group = "dolly",
				  .target = "/image",
				  .give_up_ms = s->give_up,
				  .stall_ms = s->stall,
				  .return_ms = s->back,
				  .wanted = (uint32_t)s->wanted,
				  .fanout = (uint32_t)s->fanout };
	struct failure f = { 0 };

	(void)arg;
	if (w.head_running || w.head_over)
		return;
	sim_start(w.head_machine);
	w.head_machine->after = after_head;
	w.head_running = true;
	if (head_open(&w.head, &w.head_machine->loop, &o, &w.map, &w.store, &head_calls, NULL, &f) < 0)
		abort();
	list_nodes();
	head_begin(&w.head);
}

static void make_image(void)
{
	struct chance c = { w.s->seed + 7 };

	w.image = malloc((size_t)w.s->image + 8);
	if (!w.image || map_init_fixed(&w.map, w.s->image, (uint32_t)w.s->chunk, NULL, 0, NULL) < 0)
		abort();
	for (int i = 0; i < w.s->image; i += 8) {
		uint64_t eight = chance_next(&c);

		memcpy(w.image + i, &eight, 8);
	}
	for (uint32_t i = 0; i < w.map.count; i++) {
		struct hash h = hash_bytes(w.image + map_offset(&w.map, i), map_length(&w.map, i));

		map_set_hash(&w.map, i, &h);
		map_set(&w.map, i);
	}
	map_seal(&w.map);
}

/* ---- faults */

static void thaw(void *arg)
{
	struct sim_machine *m = arg;

	m->frozen = m->unplugged = false;
	sim_wake(m, sim.now + 10);
}

static struct sim_machine *machine_of(int i)
{
	return i == 0 ? w.head_machine : i > 0 && i <= w.s->nodes ? w.actor[i].m : NULL;
}

static void kill_program(const struct fault *f, bool power)
{
	struct sim_machine *m = machine_of(f->a);

	m->off = power;
	if (f->a == 0)
		stop_head();
	else
		stop_node(&w.actor[f->a]);
}

static void power_on(void *arg)
{
	((struct sim_machine *)arg)->off = false;
}

static void flood(void *arg)
{
	const struct fault *f = arg;
	struct sim_machine *m = machine_of(f->a);
	struct peer_address at = sim_address(m->address[0], WIRE_PORT);
	int fd = sim_world.connect(&w.stranger->loop, &at);

	if (fd < 0 || ++w.floods > 3000)
		return;
	sim_at(sim.now + 1000000 / f->x, flood, arg);
}

static void lie(struct sim_machine *m, uint8_t *p, size_t len)
{
	for (int i = 0; i < w.s->faults; i++) {
		const struct fault *f = &w.s->fault[i];

		if (f->kind == FAULT_liar && machine_of(f->a) == m && f->x &&
		    chance_one_in(&sim.chance, (uint32_t)f->x))
			p[chance_below(&sim.chance,
				       (uint32_t)MIN(len, (size_t)(chance_one_in(&sim.chance, 2) ? 64 : len)))] ^=
				(uint8_t)(1 << chance_below(&sim.chance, 8));
	}
}

static void rule(enum sim_rule_kind kind, int from, int to, int port, int ms)
{
	struct sim_rule r = { .kind = kind,
			      .from = from < 0 ? -1 : machine_of(from)->index,
			      .to = to < 0 ? -1 : machine_of(to)->index,
			      .port = (uint16_t)port,
			      .until = ms ? sim.now + ms * 1000LL : 0 };

	sim_rule_add(&r);
}

static bool names_machines(const struct fault *f)
{
	bool one = f->a >= -1 && f->a <= w.s->nodes, two = f->b >= -1 && f->b <= w.s->nodes;
	bool pair = f->kind >= FAULT_reject && f->kind <= FAULT_mtu;

	return pair ? one && two && f->a != f->b
		    : f->kind == FAULT_isolated ||
			       (one && f->a >= (f->kind == FAULT_flood || f->kind <= FAULT_unplug ? 0 : 1));
}

/* A fault's time has come. */
static void strike(void *arg)
{
	const struct fault *f = arg;
	struct sim_machine *m = machine_of(f->a);
	int64_t back = sim.now + f->x * 1000LL;

	switch (f->kind) {
	case FAULT_kill:
	case FAULT_power:
		kill_program(f, f->kind == FAULT_power);
		if (f->x && f->kind == FAULT_power)
			sim_at(back - 1, power_on, m);
		if (f->x)
			sim_at(back, f->a ? start_node : start_head, &w.actor[f->a]);
		break;
	case FAULT_freeze:
		m->frozen = true;
		m->wake_at = 0;
		if (f->x)
			sim_at(back, thaw, m);
		break;
	case FAULT_unplug:
		m->unplugged = true;
		if (f->x)
			sim_at(back, thaw, m);
		break;
	case FAULT_busy:
		m->lateness = f->x * 1000LL;
		break;
	case FAULT_slow:
		m->rate = MAX((double)f->x / 1000, 0.05);
		break;
	case FAULT_reset:
		sim_reset(m);
		break;
	case FAULT_reject:
		rule(RULE_REJECT, f->a, f->b, f->x, 0);
		break;
	case FAULT_closed:
		rule(RULE_CLOSED, f->a, f->b, f->x, 0);
		break;
	case FAULT_drop:
		rule(RULE_DROP, f->a, f->b, f->x, 0);
		break;
	case FAULT_cut:
		rule(RULE_CUT, f->a, f->b, 0, f->x);
		break;
	case FAULT_mtu:
		rule(RULE_MTU, f->a, f->b, 0, 0);
		break;
	case FAULT_flood:
		if (!w.stranger->loop_open)
			sim_start(w.stranger);
		flood(arg);
		break;
	default:
		break;
	}
}

/* What is so before anything begins. */
static void prepare(const struct fault *f)
{
	struct actor *a = &w.actor[MAX(f->a, 0)];

	switch (f->kind) {
	case FAULT_late:
		a->begins = MAX(a->begins, f->at * 1000LL);
		a->never = a->never || f->x;
		break;
	case FAULT_eio:
		a->disk.eio_at = f->x;
		break;
	case FAULT_full:
		a->disk.full_at = f->x;
		break;
	case FAULT_refuse:
		a->refuses = true;
		break;
	case FAULT_rot:
		a->disk.rot = (unsigned)MAX(f->x, 1);
		break;
	case FAULT_stale:
		a->stale = true;
		break;
	case FAULT_medium:
		a->disk.sync_ms = f->x;
		break;
	case FAULT_liar:
		a->lies = true;
		sim_alter = lie;
		break;
	case FAULT_files:
		a->m->limit = (unsigned)MAX(f->x, 1);
		break;
	case FAULT_twice:
		if (a->m->addresses == 1 && a->m->host == a->m)
			a->m->address[a->m->addresses++] = 0x0a080000u + (uint32_t)f->a + 1;
		break;
	case FAULT_isolated:
		for (int i = 1; i <= w.s->nodes; i++)
			for (int k = 1; k <= w.s->nodes; k++)
				if (i != k)
					rule(f->x ? RULE_DROP : RULE_REJECT, i, k, 0, 0);
		break;
	default:
		sim_at(sim.now + f->at * 1000LL, strike, (void *)(uintptr_t)f);
		break;
	}
}

/* ---- what has to come out */

static bool hits(const struct fault *f, int i)
{
	return f->a == i;
}

/* Do the faults keep packets of a kind from machine FROM to machine TO? LARGE ones; or first ones, to the extension's
 * port. */
static bool blocked(int from, int to, bool large)
{
	for (int i = 0; i < w.s->faults; i++) {
		const struct fault *f = &w.s->fault[i];
		bool both = (f->a == -1 || f->a == from) && (f->b == -1 || f->b == to);

		if (!names_machines(f))
			continue;
		if (f->kind == FAULT_isolated && from > 0 && to > 0)
			return true;
		if (((f->kind == FAULT_reject || f->kind == FAULT_closed || f->kind == FAULT_drop) && !large && both &&
		     (!f->x || f->x == WIRE_PORT)) ||
		    (f->kind == FAULT_mtu && large && both))
			return true;
		if (f->kind == FAULT_cut && (both || ((f->a == -1 || f->a == to) && (f->b == -1 || f->b == from))))
			return true;
	}
	return false;
}

static enum expected expect(int i)
{
	enum expected e = MUST;

	for (int k = 0; k < w.s->faults; k++) {
		const struct fault *f = &w.s->fault[k];
		bool mine = hits(f, i);

		if (!names_machines(f))
			continue;
		switch (f->kind) {
		case FAULT_kill:
		case FAULT_power:
		case FAULT_freeze:
		case FAULT_unplug:
			if (mine || f->a == 0) /* it may have had everything by then */
				e = MAX(e, MAY);
			break;
		case FAULT_late:
			/* on the head's machine it comes too late for the port */
			if (mine && (f->x || f->at > w.s->give_up - 1000 || w.actor[i].m->host == w.head_machine))
				e = MAX(e, f->x ? CANNOT : MAY);
			break;
		case FAULT_eio:
		case FAULT_full:
		case FAULT_refuse:
		case FAULT_rot:
		case FAULT_liar:
		case FAULT_files:
			if (mine)
				e = MAX(e, MAY);
			break;
		/* a head so crowded that a turn takes as long as the limit of the session */
		case FAULT_isolated:
			if ((int64_t)w.s->nodes * SIM_SOCKET / w.s->rate > w.s->stall / 8)
				e = MAX(e, MAY);
			break;
		case FAULT_cut:
			if (mine || f->b == i)
				e = MAX(e, MAY);
			break;
		case FAULT_mtu:
			/* the head's own frames may be large: a node that cannot get them depends on chance */
			if ((f->b == i || f->b == -1) && (f->a == 0 || f->a == -1))
				e = MAX(e, MAY);
			if ((f->a == i || f->a == -1) && (f->b == 0 || f->b == -1))
				e = MAX(e, MAY);
			break;
		default:
			break;
		}
	}
	if (blocked(0, i, false))
		e = MAX(e, MAY);
	return e;
}

static int64_t longest(void)
{
	const struct schedule *s = w.s;
	int64_t ms = s->give_up + 2 * s->stall + s->back + 20000, slowest = s->rate;

	for (int i = 0; i < s->faults; i++) {
		const struct fault *f = &s->fault[i];

		ms = MAX(ms, f->at + s->give_up + 2 * s->stall + s->back + 20000);
		/* it may say that it has everything */
		ms += f->kind == FAULT_liar ? STALL_MEDIUM * s->stall : 0;
		ms += f->kind == FAULT_medium || f->kind <= FAULT_unplug ? f->x : 0;
		if (f->kind == FAULT_slow)
			slowest = MIN(slowest, MAX(f->x, 50));
	}
	return ms + 3LL * s->image * (s->nodes + 2) / slowest;
}

static void judge(void)
{
	if (!w.v.ended && w.head_running && !w.head_machine->frozen) {
		sim_violated("the session is not over after %lld s", (long long)(w.bound / 1000));
		for (uint32_t i = 1; i <= w.head.count && w.words; i++)
			printf("           head: %s is %s: %s\n", w.head.node[i]->name,
			       head_state_name(w.head.node[i]->state), head_why(w.head.node[i]));
	}
	for (int i = 1; i <= w.s->nodes; i++) {
		struct actor *a = &w.actor[i];

		if (w.v.ended && a->running && !a->m->frozen && !a->m->unplugged && a->node.state != NODE_WAITING &&
		    a->node.state != NODE_ENDED)
			sim_violated("node%d does not end (state %d)", i, (int)a->node.state);
	}
}

/* ---- */

static void set_up(const struct schedule *s)
{
	struct sim_machine *shared = NULL;

	make_image();
	w.head_machine = sim_add_machine(address_of(0), s->rate / 1000.0, s->latency);
	w.stranger = sim_add_machine(0x0a09fa01, 125, s->latency);
	w.disk = (struct sim_disk){ .m = w.head_machine, .truth = w.image, .bytes = w.image, .size = s->image };
	sim_disk_open(&w.store, &w.disk);
	w.actor = calloc((size_t)s->nodes + 1, sizeof(*w.actor));
	for (int i = 0; i < s->faults; i++)
		if (s->fault[i].kind == FAULT_loopback && s->fault[i].a >= 1 && s->fault[i].a <= s->nodes && !shared &&
		    !s->wanted)
			w.actor[s->fault[i].a].m = shared = sim_add_program(w.head_machine);
	for (int i = 1; i <= s->nodes; i++) {
		struct actor *a = &w.actor[i];

		if (!a->m)
			a->m = sim_add_machine(address_of(i), s->rate / 1000.0, s->latency);
		a->disk = (struct sim_disk){
			.m = a->m, .truth = w.image, .bytes = calloc(1, (size_t)s->image + 1), .size = s->image
		};
	}
	for (int i = 0; i < s->faults; i++)
		if (names_machines(&s->fault[i]))
			prepare(&s->fault[i]);
	for (int i = 1; i <= s->nodes; i++) {
		w.actor[i].expected = expect(i);
		sim_at(sim.now + w.actor[i].begins + chance_below(&sim.chance, 20000), start_node, &w.actor[i]);
	}
	/* the port is its guest's */
	sim_at(sim.now + (shared ? 30000 : 0) + (int64_t)chance_below(&sim.chance, 400000), start_head, NULL);
}

static void tear_down(void)
{
	stop_head();
	for (int i = 1; i <= w.s->nodes; i++) {
		stop_node(&w.actor[i]);
		free(w.actor[i].disk.bytes);
	}
	sim_end();
	map_free(&w.map);
	free(w.image);
	free(w.actor);
}

struct verdict session_run(const struct schedule *s, bool words)
{
	memset(&w, 0, sizeof(w));
	w.s = s;
	w.words = words;
	sim_begin(s->seed);
	sim.loss = (unsigned)s->loss;
	set_up(s);
	w.bound = longest();
	sim_run(sim.now + w.bound * 1000);
	if (w.v.ended && !sim.stopped) /* nodes without a head have their time, too */
		sim_run(MAX(sim.now, w.v.ended + 75 * 1000000LL));
	judge();
	w.v.events = sim.events;
	tear_down();
	return w.v;
}
