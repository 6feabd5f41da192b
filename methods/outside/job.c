/* job.c - what a method is given -> messages, and back, for a method in a program of its own. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/outside/outside.h"

/* ---- there */

/* Words of any length, in as many messages as they need. */
static int send_words(int socket, enum outside_kind kind, int64_t a, const char *words)
{
	size_t len = strlen(words);
	int err = outside_send(socket, kind, a, 0, words, -1);

	for (size_t at = OUTSIDE_WORDS; at < len && !err; at += OUTSIDE_WORDS)
		err = outside_send(socket, kind, a, 1, words + at, -1);
	return err;
}

static int send_options(int socket, const struct options *o)
{
	int err = 0;

	for (int key = 0; key < KEY_COUNT && !err; key++)
		if (o->value[key])
			err = send_words(socket, OUTSIDE_VALUE, key, o->value[key]);
	if (!err && o->node_id)
		err = send_words(socket, OUTSIDE_NODE_ID, 0, o->node_id);
	if (!err && o->rescue)
		err = outside_send(socket, OUTSIDE_RESCUE, 0, 0, NULL, -1);
	return err;
}

static int send_network(int socket, const struct network *net)
{
	int err = outside_send(socket, OUTSIDE_NETWORK, net->next_server.s_addr, net->ifindex, NULL, -1);

	for (size_t i = 0; i < net->dns_count && !err; i++)
		err = outside_send(socket, OUTSIDE_DNS, net->dns[i].s_addr, 0, NULL, -1);
	for (size_t i = 0; i < net->dns6_count && !err; i++) {
		int64_t half[2];

		memcpy(half, &net->dns6[i], sizeof(half));
		err = outside_send(socket, OUTSIDE_DNS6, half[0], half[1], NULL, -1);
	}
	if (!err && net->search)
		err = send_words(socket, OUTSIDE_SEARCH, 0, net->search);
	if (!err && net->domain)
		err = send_words(socket, OUTSIDE_DOMAIN, 0, net->domain);
	return err;
}

int outside_send_job(int socket, const struct fetch *f)
{
	int err = send_options(socket, f->options);

	if (!err && f->raw)
		err = outside_send(socket, OUTSIDE_RAW, 0, 0, NULL, -1);
	if (!err && f->net)
		err = send_network(socket, f->net);
	if (!err)
		err = outside_send(socket, OUTSIDE_START, 0, 0, NULL, -1);
	return err == -EPIPE ? 0 : err; /* it has ended: whoever waits for its words sees how */
}

/* ---- here */

/* What M says, behind what STRING has where M goes on. */
static int take_words(const char **string, const struct outside_message *m)
{
	size_t before = m->b && *string ? strlen(*string) : 0, len = strlen(m->words);
	char *longer = realloc((char *)*string, before + len + 1);

	if (!longer)
		return -ENOMEM;
	memcpy(longer + before, m->words, len + 1);
	*string = longer;
	return 0;
}

/* The list with room for one more behind its COUNT, or NULL. */
static void *one_more(void *list, size_t count, size_t size)
{
	return realloc(list, (count + 1) * size);
}

static int add_dns(struct network *net, int64_t address)
{
	struct in_addr *more = one_more(net->dns, net->dns_count, sizeof(*more));

	if (!more)
		return -ENOMEM;
	net->dns = more;
	more[net->dns_count++].s_addr = (in_addr_t)address;
	return 0;
}

static int add_dns6(struct network *net, int64_t first, int64_t second)
{
	struct in6_addr *more = one_more(net->dns6, net->dns6_count, sizeof(*more));

	if (!more)
		return -ENOMEM;
	net->dns6 = more;
	memcpy(&more[net->dns6_count++], (const int64_t[]){ first, second }, sizeof(*more));
	return 0;
}

int outside_job_add(struct outside_job *job, const struct outside_message *m)
{
	switch (m->kind) {
	case OUTSIDE_VALUE:
		return take_words(&job->options.value[m->a], m);
	case OUTSIDE_NODE_ID:
		return take_words(&job->options.node_id, m);
	case OUTSIDE_RESCUE:
		job->options.rescue = true;
		return 0;
	case OUTSIDE_RAW:
		job->raw = true;
		return 0;
	case OUTSIDE_NETWORK:
		job->has_network = true;
		job->network.next_server.s_addr = (in_addr_t)m->a;
		job->network.ifindex = (int)m->b;
		return 0;
	case OUTSIDE_DNS:
		return add_dns(&job->network, m->a);
	case OUTSIDE_DNS6:
		return add_dns6(&job->network, m->a, m->b);
	case OUTSIDE_SEARCH:
		return take_words((const char **)&job->network.search, m);
	case OUTSIDE_DOMAIN:
		return take_words((const char **)&job->network.domain, m);
	default:
		return -EBADMSG;
	}
}

void outside_job_free(struct outside_job *job)
{
	options_free(&job->options);
	network_free(&job->network);
}
