/* steps.h - the steps of the flow, one function each, and what more than one of them uses. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_STEPS_H
#define STAGE1_STEPS_H

#include "stage1/flow.h"

#define DEVICES_MS 20000 /* for drivers to load and their devices to appear */

/* Each takes what the steps before it filled into F and fills what the next ones need. 0, or -errno with
 * F->result->failure filled. */
int step_devices(struct flow *f) must_check;
int step_network(struct flow *f) must_check;
int step_method(struct flow *f) must_check;
int step_image(struct flow *f) must_check;
int step_root(struct flow *f) must_check;
int step_init(struct flow *f) must_check;

/* The same four steps where a kernel is fetched instead of an image (plan.kernel). */
int kernel_method(struct flow *f) must_check;
int kernel_image(struct flow *f) must_check;
int kernel_root(struct flow *f) must_check;
int kernel_init(struct flow *f) must_check;

/* "http from 10.0.1.21:8080 into /dev/ram3". */
void flow_note_method(struct flow *f);

/* Brings what the options name into STORE; RAW keeps its compression on, and takes no trees. 0 or -errno with
 * F->result->failure filled. */
int flow_fetch(struct flow *f, struct store *store, bool raw) must_check;

/* The node takes the name that the network's name servers know it by, where none was given. */
void flow_name_node(struct flow *f);

/* The leases are not renewed any more, and the next system is told how long they last. False: one was lost, which is
 * said. */
bool flow_keep_end(struct flow *f);

/* After a failure to reach the server: the network on another card, where there is one that can be had. */
bool flow_other_card(struct flow *f);

/* From now on the flow may hang for ever where a server or disk falls silent: after MS without a sign of life, which is
 * this call or progress, PID 1 ends it with the failure ID. WHAT is waited for, until watch_reads() says something
 * else. */
void flow_guard(struct flow *f, int64_t ms, enum fail_id id, const char *what);

/* From now on the flow has deadlines of its own. */
void flow_unguard(struct flow *f);

/* An image_load_module_fn; CTX is the probe. */
int flow_load_module(void *ctx, const char *name);

#endif
