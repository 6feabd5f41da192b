/* flow.h - options -> devices -> network -> method -> image -> root -> init: the whole boot as one table of steps. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_FLOW_H
#define STAGE1_FLOW_H

#include "net/reverse.h"
#include "probe/probe.h"
#include "stage1/plan.h"
#include "stage1/screen.h"

#define STEP_MAX 6

/* What one run of the flow leaves for PID 1, which may outlive it. Plain bytes: it lies in shared memory. */
struct flow_result {
	struct failure failure;
	unsigned step;             /* the step that ran last, from 0 */
	int64_t step_ms[STEP_MAX]; /* how long each took */
	char init[256];            /* the program to start in ROOT_DIR */
	bool kexec;                /* no root: a kernel was loaded and waits to be started */
	/* What a server or disk that falls silent may hang without an end: the second (of now_ms, in ms) until which
	 * the flow must show a sign of life (0: it has deadlines of its own), and what is waited for. */
	int64_t alive_until;
	enum fail_id silent;
	char waits_for[200];
	char answers[4096]; /* what a person answered: a key's name, a tab, its value, a line end; repeated */
};

/* What travels down the arrows. Each step fills what the next ones need. */
struct flow {
	struct watch watch; /* must stay first: what the parts say goes to the screen */
	struct screen *screen;
	struct options *options;
	struct flow_result *result;

	struct probe *probe;         /* devices */
	struct network network;      /* network */
	struct keeping *keeping;     /* network: its leases are renewed; init: not any more */
	struct reverse reverse;      /* network: the node's name is asked for; init: taken */
	const struct method *method; /* method */
	struct store store;          /* method: opened; image: filled */
	struct plan plan;            /* before the first step; image: PLACE_THERE where memory is too small */
	struct found found;          /* image: what is used where it lies, and stays mounted */
	int64_t silence_ms;          /* image: see flow_guard */
	const char *step_name;       /* of the step that runs */
	int64_t reported_ms;         /* when the head node was last told how it stands */
	char server[48];             /* image: where it came from, where the method found that out itself */
	struct origin origin;        /* image: the same for who reads more from there */
};

/* Runs all steps with O, showing them on S. With ASK a person is asked for what to do (O's values are the defaults),
 * and the answers go into O and RESULT. 0: a root that can be started is mounted at ROOT_DIR; else -errno and RESULT
 * says which step failed and why. */
int flow_run(struct options *o, struct screen *s, bool ask, struct flow_result *result) must_check;

#endif
