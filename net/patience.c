/* patience.c - what is heard on a card -> when to ask again: fast while the port may still be learning, slow after. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/patience.h"

#include "base/random.h"

enum { LONGEST_DELAY_S = 30 }; /* IEEE 802.1D-2004, table 17-1: the biggest forward delay */

void patience_start(struct patience *p, int64_t now)
{
	*p = (struct patience){ .linked_ms = now };
}

void patience_restart(struct patience *p)
{
	p->step_ms = 0;
}

static int64_t longest_pause(const struct patience *p, int64_t now)
{
	/* what is heard may be the switch itself, or a neighbour before it: no proof that the port forwards */
	if (p->forward_ms && now < p->forward_ms + PATIENCE_LATE_PORT_MS)
		return PATIENCE_BLIND_MS;
	if (p->heard)
		return PATIENCE_HEARD_MS;
	return now - p->linked_ms < PATIENCE_LEARN_MS ? PATIENCE_BLIND_MS : PATIENCE_LATE_MS;
}

int64_t patience_next_of(const struct patience *p, int64_t *step_ms, int64_t now)
{
	*step_ms = *step_ms ? *step_ms * 2 : PATIENCE_FIRST_MS;
	*step_ms = MIN(*step_ms, longest_pause(p, now));
	return now + *step_ms - random_below((uint32_t)*step_ms / 4);
}

int64_t patience_next(struct patience *p, int64_t now)
{
	return patience_next_of(p, &p->step_ms, now);
}

/* True when the port has just turned to forwarding. */
static bool hear_bridge(struct patience *p, int64_t now, const struct stp_frame *stp)
{
	int64_t delay_ms = (int64_t)MIN(stp->forward_delay, (unsigned)LONGEST_DELAY_S) * 1000;
	bool waited = p->forward_ms > 0;

	if (stp->rapid && stp->forwarding) {
		p->stp = true;
		p->forward_ms = 0;
		return waited;
	}
	/* The old protocol does not say in which state the port is; from link-up on it listens, then learns. */
	if (!p->stp)
		p->forward_ms = p->linked_ms + 2 * delay_ms;
	else if (stp->rapid && p->forward_ms < now)
		p->forward_ms = now + delay_ms;
	p->stp = true;
	return false;
}

bool patience_hear(struct patience *p, int64_t now, const uint8_t *frame, size_t len)
{
	struct stp_frame stp;
	bool news;

	if (frame_read_stp(frame, len, &stp) == 0)
		news = hear_bridge(p, now, &stp);
	else if (len >= MAC_LEN && memcmp(frame, mac_bridges, MAC_LEN) != 0)
		news = !p->heard && (p->heard = true);
	else
		news = false;
	if (news)
		patience_restart(p);
	return news;
}

int patience_port_wait_s(const struct patience *p, int64_t now)
{
	return now < p->forward_ms ? (int)((p->forward_ms - now + 999) / 1000) : 0;
}
