/* model_nodes.c - the nodes of a model by address, MAC and number: found, added, moved, pushed out. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/buf.h"
#include "server/head/status/model_internal.h"

#include <ctype.h>
#include <stdio.h>

/* ---- names */

static const char *const phase_names[PHASES] = {
	[PHASE_NEW] = "new",       [PHASE_DHCP] = "dhcp",     [PHASE_FIRMWARE] = "firmware",
	[PHASE_STAGE1] = "stage1", [PHASE_CLONE] = "clone",   [PHASE_STARTS] = "starts",
	[PHASE_UP] = "up",         [PHASE_FAILED] = "failed",
};

const char *phase_name(enum phase p)
{
	return p < PHASES ? phase_names[p] : "?";
}

enum phase phase_named(const char *name)
{
	for (size_t i = 0; i < PHASES; i++) {
		if (streq(phase_names[i], name))
			return (enum phase)i;
	}
	return PHASE_NEW;
}

const char *boot_result_name(enum boot_result r)
{
	static const char *const names[] = {
		[BOOT_UP] = "up", [BOOT_FAILED] = "failed", [BOOT_STARTED] = "started", [BOOT_LOST] = "lost"
	};

	return names[r];
}

bool phase_is_on_the_way(enum phase p)
{
	return p == PHASE_FIRMWARE || p == PHASE_STAGE1 || p == PHASE_CLONE || p == PHASE_STARTS;
}

void model_doubt(char why[160], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, 160, fmt, ap);
	va_end(ap);
}

/* ---- numbers of a node */

int node_percent(const struct node *n)
{
	bool chain = n->parent[0] && n->chain_size > 0;
	int64_t done = chain ? n->chain_bytes : n->report.done, total = chain ? n->chain_size : n->report.total;

	if (total <= 0 || done < 0)
		return -1;
	return (int)(MIN(done, total) * 100.0 / (double)total);
}

int64_t node_rate(const struct node *n)
{
	if (n->parent[0] && streq(n->chain_state, "ready"))
		return n->chain_rate;
	return n->report.state == REPORT_RUNS ? n->report.rate : -1;
}

int64_t node_took(const struct node *n, int64_t now)
{
	return n->began ? MAX((n->ended ? n->ended : now) - n->began, 0) : 0;
}

/* ---- the order for people */

static int rank(const struct node *n)
{
	static const int ranks[PHASES] = {
		[PHASE_FAILED] = 0, [PHASE_CLONE] = 3, [PHASE_STAGE1] = 3, [PHASE_FIRMWARE] = 3,
		[PHASE_STARTS] = 4, [PHASE_DHCP] = 5,  [PHASE_NEW] = 6,    [PHASE_UP] = 7,
	};

	return n->phase == PHASE_FAILED ? 0 : n->silent || n->suspect[0] ? 1 : n->slow ? 2 : ranks[n->phase];
}

/* "node9" before "node10". */
static int natural(const char *a, const char *b)
{
	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			size_t za = strspn(a, "0"), zb = strspn(b, "0");
			size_t la = strspn(a + za, "0123456789"), lb = strspn(b + zb, "0123456789");
			int c = la != lb ? (la < lb ? -1 : 1) : memcmp(a + za, b + zb, la);

			if (c)
				return c;
			a += za + la;
			b += zb + lb;
		} else if (*a != *b) {
			return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		} else {
			a++;
			b++;
		}
	}
	return *a ? 1 : *b ? -1 : 0;
}

int node_order(const void *a, const void *b)
{
	const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
	int c = rank(x) - rank(y);

	if (!c)
		c = natural(x->name[0] ? x->name : x->address, y->name[0] ? y->name : y->address);
	return c ? c : x->id < y->id ? -1 : x->id > y->id;
}

/* ---- the table */

static struct node **bucket_of(const struct model *m, const char *address)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (const char *p = address; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	return (struct node **)&m->bucket[hash % ARRAY_SIZE(m->bucket)];
}

struct node *model_at(const struct model *m, const char *address)
{
	for (struct node *n = address[0] ? *bucket_of(m, address) : NULL; n; n = n->next) {
		if (streq(n->address, address))
			return n;
	}
	return NULL;
}

struct node *model_node(const struct model *m, uint32_t id)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->node[i]->id == id)
			return m->node[i];
	}
	return NULL;
}

void model_touch(struct model *m, struct node *n)
{
	n->version = ++m->version;
}

static void take_out(struct model *m, struct node *n)
{
	struct node **p = bucket_of(m, n->address);

	while (*p && *p != n)
		p = &(*p)->next;
	if (*p)
		*p = n->next;
	n->next = NULL;
}

static void set_address(struct model *m, struct node *n, const char *address)
{
	struct node **p;

	take_out(m, n);
	(void)str_copy(n->address, sizeof(n->address), address);
	p = bucket_of(m, n->address);
	n->next = *p;
	*p = n;
}

static void free_node(struct node *n)
{
	for (size_t i = 0; i < MODEL_LINES; i++)
		free(n->log[i].text);
	free(n);
}

static void drop(struct model *m, size_t i)
{
	struct node *n = m->node[i];

	take_out(m, n);
	memmove(&m->node[i], &m->node[i + 1], (m->count - i - 1) * sizeof(*m->node));
	m->count--;
	m->version_gone = ++m->version;
	m->urgent = true;
	free_node(n);
}

/* What is known of a node only by its own words goes before what the head saw; of alike ones the one that was heard of
 * longest ago. */
static int worth(const struct node *n)
{
	return n->mac_known && n->address[0] ? 2 : n->address[0] && n->phase != PHASE_NEW;
}

static void model_evict(struct model *m)
{
	size_t least = 0;

	for (size_t i = 1; i < m->count; i++) {
		int c = worth(m->node[i]) - worth(m->node[least]);

		if (c < 0 || (!c && m->node[i]->seen < m->node[least]->seen))
			least = i;
	}
	drop(m, least);
}

static int make_room(struct model *m)
{
	struct node **more;

	while (m->count >= MODEL_NODES)
		model_evict(m);
	if (m->count < m->room)
		return 0;
	more = realloc(m->node, (m->room + 64) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	m->node = more;
	m->room += 64;
	return 0;
}

struct node *model_add(struct model *m, const char *address, uint32_t id, int64_t now)
{
	struct node *n = make_room(m) ? NULL : calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->id = id ? id : m->next_id;
	m->next_id = MAX(m->next_id, n->id + 1);
	n->seen = n->since = now;
	n->report = (struct report){ .done = -1, .total = -1, .rate = -1, .up_ms = -1 };
	n->allowance = (struct allowance){ .left = (int64_t)MODEL_BURST * 1000, .at = now };
	m->node[m->count++] = n;
	if (address[0])
		set_address(m, n, address);
	model_touch(m, n);
	return n;
}

static struct node *with_mac(const struct model *m, const char *mac)
{
	for (size_t i = 0; mac[0] && i < m->count; i++) {
		if (m->node[i]->mac_known && streq(m->node[i]->mac, mac))
			return m->node[i];
	}
	return NULL;
}

void model_forget(struct model *m, const struct node *n)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->node[i] == n) {
			drop(m, i);
			return;
		}
	}
}

/* The machine that the head gave ADDRESS to: it may have had another before (firmware and stage1 ask one after the
 * other), and another machine may have had this one. */
static struct node *find_leased(struct model *m, const struct event *e)
{
	struct node *n = with_mac(m, e->mac), *there = model_at(m, e->address);

	if (!n)
		return !there || !there->mac_known ? there : NULL;
	if (!e->address[0] || n == there)
		return n;
	if (there)
		model_forget(m, there);
	set_address(m, n, e->address);
	return n;
}

struct node *model_find(struct model *m, const struct event *e, int64_t now)
{
	bool leased = e->kind == EVENT_LEASE || e->kind == EVENT_DISCOVER;
	struct node *n = leased ? find_leased(m, e) : model_at(m, e->address), *there;

	if (n)
		return n;
	if (e->kind == EVENT_HTTP)
		return NULL; /* a browser */
	there = leased ? model_at(m, e->address) : NULL;
	if (there)
		model_forget(m, there); /* another machine had this address */
	return model_add(m, e->address, 0, now);
}

void model_add_line(struct node *n, int64_t at, unsigned severity, const char *text)
{
	struct log_line *l = &n->log[n->log_end];

	free(l->text);
	*l = (struct log_line){ .at = at, .severity = severity, .text = strdup(text) };
	n->log_end = (n->log_end + 1) % MODEL_LINES;
	n->log_count = MIN(n->log_count + 1, (unsigned)MODEL_LINES);
}

void model_close(struct model *m)
{
	for (size_t i = 0; i < m->count; i++)
		free_node(m->node[i]);
	free(m->node);
	*m = (struct model){ 0 };
}
