/* schedule.c - a seed, or a line of text, -> a schedule of faults, and back. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "schedule.h"

#include <stdio.h>

static const char *const names[] = {
#define X(name) [FAULT_##name] = #name,
	FAULTS(X)
#undef X
};

static const struct {
	const char *name;
	size_t at;
} numbers[] = {
#define N(field)                                                                                                       \
	{                                                                                                              \
#field, offsetof(struct schedule, field)                                                               \
	}
	N(nodes), N(image), N(chunk), N(rate), N(latency), N(give_up), N(stall), N(back), N(wanted), N(loss), N(fanout),
#undef N
};

static int *number(const struct schedule *s, size_t i)
{
	return (int *)((char *)(uintptr_t)s + numbers[i].at);
}

void schedule_write(const struct schedule *s, char *text, size_t size)
{
	size_t n = (size_t)snprintf(text, size, "seed=%llu", (unsigned long long)s->seed);

	for (size_t i = 0; i < ARRAY_SIZE(numbers) && n < size; i++)
		n += (size_t)snprintf(text + n, size - n, " %s=%d", numbers[i].name, *number(s, i));
	for (int i = 0; i < s->faults && n < size; i++) {
		const struct fault *f = &s->fault[i];

		n += (size_t)snprintf(text + n, size - n, " %s@%d:%d,%d,%d", names[f->kind], f->at, f->a, f->b, f->x);
	}
}

static int read_word(struct schedule *s, const char *word)
{
	struct fault f = { 0 };
	char name[32];
	int value;

	if (sscanf(word, "seed=%llu", (unsigned long long *)&s->seed) == 1)
		return 0;
	if (sscanf(word, "%31[a-z_]=%d", name, &value) == 2) {
		for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
			if (streq(name, numbers[i].name)) {
				*number(s, i) = value;
				return 0;
			}
		return -EINVAL;
	}
	if (sscanf(word, "%31[a-z_]@%d:%d,%d,%d", name, &f.at, &f.a, &f.b, &f.x) < 3 || s->faults == MAX_FAULTS)
		return -EINVAL;
	for (int k = 0; k < FAULT_KINDS; k++)
		if (streq(name, names[k])) {
			f.kind = (enum fault_kind)k;
			s->fault[s->faults++] = f;
			return 0;
		}
	return -EINVAL;
}

int schedule_read(struct schedule *s, const char *text)
{
	char word[128];
	int used, err = 0;

	*s = (struct schedule){ .seed = 1,
				.nodes = 3,
				.image = 200000,
				.chunk = 4096,
				.rate = 12500,
				.latency = 100,
				.give_up = 8000,
				.stall = 6000,
				.back = 2000 };
	while (err == 0 && sscanf(text, " %127s%n", word, &used) == 1) {
		err = read_word(s, word);
		text += used;
	}
	return err;
}

/* ---- by chance */

static struct fault some_fault(struct chance *c, const struct schedule *s, int transfer)
{
	struct fault f = { .kind = (enum fault_kind)chance_below(c, FAULT_KINDS),
			   .at = 1 + (int)chance_below(c, (uint32_t)transfer + 1500),
			   .a = 1 + (int)chance_below(c, (uint32_t)s->nodes) };
	int pause = 100 + (int)chance_below(c, 4000);

	switch (f.kind) {
	case FAULT_kill:
		if (chance_one_in(c, 8))
			f.a = 0;
		f.x = f.a == 0 ? 200 + (int)chance_below(c, 2000) : chance_one_in(c, 2) ? pause : 0;
		break;
	case FAULT_power:
	case FAULT_freeze:
	case FAULT_unplug:
		f.x = chance_one_in(c, 2) ? pause : 0;
		break;
	case FAULT_late:
		f.at = (int)chance_below(c, 6000);
		f.x = chance_one_in(c, 3);
		break;
	case FAULT_busy:
		f.x = 5 + (int)chance_below(c, 300);
		break;
	case FAULT_slow:
		f.x = MAX(s->rate / (2 + (int)chance_below(c, 30)), 50);
		break;
	case FAULT_reject:
	case FAULT_closed:
	case FAULT_drop:
		f.at = chance_one_in(c, 4) ? f.at : 0;
		f.b = (int)chance_below(c, (uint32_t)s->nodes + 1);
		if (f.b == 0 && chance_one_in(c, 2)) { /* the head cannot reach it */
			f.b = f.a;
			f.a = 0;
		} else if (chance_one_in(c, 4)) {
			f.b = -1;
		}
		f.x = chance_one_in(c, 2) ? WIRE_PORT : 0;
		break;
	case FAULT_cut:
		f.b = (int)chance_below(c, (uint32_t)s->nodes + 1);
		f.x = chance_one_in(c, 2) ? pause : 0;
		break;
	case FAULT_mtu:
		f.at = 0;
		f.b = f.a;
		f.a = chance_one_in(c, 2) ? -1 : (int)chance_below(c, (uint32_t)s->nodes + 1);
		break;
	case FAULT_eio:
	case FAULT_full:
		f.at = 0;
		f.x = 1 + (int)chance_below(c, (uint32_t)s->image + 1);
		break;
	case FAULT_rot:
	case FAULT_liar:
		f.x = 1 + (int)chance_below(c, 30);
		break;
	case FAULT_medium:
		f.at = 0;
		f.x = (int)chance_below(c, 5000);
		break;
	case FAULT_files:
		f.at = 0;
		f.x = 2 + (int)chance_below(c, 12);
		break;
	case FAULT_isolated:
		f.at = 0;
		f.x = (int)chance_below(c, 2);
		break;
	case FAULT_twice:
	case FAULT_stale:
	case FAULT_loopback:
	case FAULT_refuse:
		f.at = 0;
		break;
	case FAULT_flood:
		f.a = (int)chance_below(c, (uint32_t)s->nodes + 1);
		f.x = 20 + (int)chance_below(c, 400);
		break;
	default:
		break;
	}
	return f;
}

void schedule_make(struct schedule *s, uint64_t seed, int most_nodes)
{
	static const int rates[] = { 500, 2000, 12500, 125000 };
	struct chance c = { seed * 2654435761u + 12345 };
	int transfer;

	*s = (struct schedule){ .seed = seed, .back = 2000 };
	s->nodes =
		1 + (int)chance_below(&c, chance_one_in(&c, 4) ? (uint32_t)most_nodes : (uint32_t)MIN(most_nodes, 8));
	s->chunk = 1024 << chance_below(&c, 5);
	s->image = chance_one_in(&c, 10) ? (int)chance_below(&c, 3)
					 : (int)chance_below(&c, chance_one_in(&c, 5) ? 1000000 : 150000);
	s->rate = rates[chance_below(&c, ARRAY_SIZE(rates))];
	s->latency = 20 + (int)chance_below(&c, chance_one_in(&c, 4) ? 20000 : 500);
	s->give_up = 5000 + (int)chance_below(&c, 6000);
	s->stall = 8000 + (int)chance_below(&c, 5000);
	s->loss = chance_one_in(&c, 4) ? 5 + (int)chance_below(&c, 200) : 0;
	s->wanted = chance_one_in(&c, 6) ? s->nodes + (int)chance_below(&c, 2) : 0;
	s->fanout = chance_one_in(&c, 10) ? 2 + (int)chance_below(&c, 3) : 0;
	transfer = s->image / s->rate + 1;
	for (int n = (int)chance_below(&c, 7); n > 0; n--)
		s->fault[s->faults++] = some_fault(&c, s, transfer);
}
