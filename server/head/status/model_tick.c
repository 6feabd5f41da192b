/* model_tick.c - the time -> which nodes are silent or slow, which boots are over, how much flows. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/model_internal.h"

#define FAILED_MS  60000  /* a failed node that does not try again by then stays failed */
#define LOST_MS    900000 /* a boot that nothing is heard of any more is over */
#define FRESH_MS   3500   /* a rate that old is none */
#define SLOW_LEAST 3      /* of so many that fetch one can be slow */
#define SECOND_MS  1000

/* From when on it is strange that nothing is heard: stage1 says a line a second while bytes come, and has deadlines
 * where it waits; firmware says nothing itself; a system takes its time to start. */
static int64_t patience(enum phase p)
{
	static const int64_t ms[PHASES] = {
		[PHASE_FIRMWARE] = 120000,
		[PHASE_STAGE1] = 30000,
		[PHASE_CLONE] = 60000,
		[PHASE_STARTS] = 300000,
	};

	return ms[p];
}

static void set(struct model *m, struct node *n, bool *flag, bool value)
{
	if (*flag == value)
		return;
	*flag = value;
	model_touch(m, n);
}

static bool is_fresh(const struct node *n, int64_t now)
{
	return (n->phase == PHASE_STAGE1 || n->phase == PHASE_CLONE) && n->report.state == REPORT_RUNS &&
	       n->measured_at && now - n->measured_at < FRESH_MS && n->report.rate >= 0;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* The rate that half of the fetching nodes have; 0: too few fetch. *SUM: of all. */
static int64_t median_rate(const struct model *m, int64_t now, int64_t *sum)
{
	int64_t rates[MODEL_NODES];
	size_t count = 0;

	*sum = 0;
	for (size_t i = 0; i < m->count; i++) {
		if (!is_fresh(m->node[i], now))
			continue;
		rates[count++] = m->node[i]->report.rate;
		*sum += m->node[i]->report.rate;
	}
	qsort(rates, count, sizeof(*rates), by_size);
	return count >= SLOW_LEAST ? rates[count / 2] : 0;
}

static void end_boots(struct model *m, struct node *n, int64_t now)
{
	int64_t quiet = now - MAX(n->seen, n->since);

	if (n->phase == PHASE_FAILED ? now - n->since > FAILED_MS : phase_is_on_the_way(n->phase) && quiet > LOST_MS)
		model_end_boot(m, n, model_result(n));
}

void model_tick(struct model *m, int64_t now)
{
	int64_t sum, median = median_rate(m, now, &sum);

	for (size_t i = 0; i < m->count; i++) {
		struct node *n = m->node[i];
		int64_t limit = patience(n->phase);

		set(m, n, &n->silent, limit && now - MAX(n->seen, n->since) > limit);
		if (is_fresh(n, now))
			set(m, n, &n->slow, n->report.rate < median / 2);
		else if (n->report.done < 0)
			set(m, n, &n->slow, false);
		if (n->told != n->dropped)
			model_touch(m, n);
		n->told = n->dropped;
		end_boots(m, n, now);
	}
	if (now - m->sampled >= SECOND_MS || now < m->sampled) {
		m->sample[m->sample_end] = sum;
		m->sample_end = (m->sample_end + 1) % MODEL_SAMPLES;
		m->sampled = now;
	}
}
