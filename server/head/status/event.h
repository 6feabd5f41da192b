/* event.h - what is known of one node at one moment -> the model: from whom, which address, what. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_EVENT_H
#define SERVER_HEAD_STATUS_EVENT_H

#include "server/head/status/syslog.h"

#define EVENT_STEPS 8 /* steps of a boot whose times are kept */

/* What an event says. */
enum event_kind {
	EVENT_WORDS,    /* a node said words, and nothing else */
	EVENT_REPORT,   /* a node said how far it is: the fields of struct report */
	EVENT_UP,       /* the next system of a node is up */
	EVENT_DISCOVER, /* the head: a machine asks for an address */
	EVENT_LEASE,    /* the head: it got one */
	EVENT_TFTP,     /* the head: a file went to an address */
	EVENT_HTTP,     /* the head: the same by http */
	EVENT_FIRMWARE, /* the head: the same by http, to firmware or a boot loader */
	EVENT_KINDS
};

/* How a step stands. */
enum report_state { REPORT_RUNS, REPORT_DONE, REPORT_FAILED };

/* What a node says of itself by structured data; doc/status.md has the message. */
struct report {
	enum report_state state;
	bool clone;                   /* of the cloning of its disk, not of a boot */
	int64_t step, steps;          /* from 1; 0: not said */
	char name[24];                /* of the step */
	int64_t done, total;          /* bytes; -1: not said */
	int64_t rate;                 /* bytes a second; -1: not said */
	int64_t up_ms;                /* since its kernel started; -1: not said */
	int64_t step_ms[EVENT_STEPS]; /* of the steps that are done */
	unsigned step_count;
	char code[16]; /* of its failure, "S1-NET-04"; "" */
};

/* One event. Texts are clean: text_clean(). */
struct event {
	enum event_kind kind;
	char address[48]; /* from which it came, or which it is about; "" only for EVENT_DISCOVER */
	char mac[18];     /* "52:54:00:12:34:56"; "" */
	char name[64];    /* host name; "" */
	char node_id[32]; /* the number it was given on its kernel line; "" */
	unsigned severity;
	char words[256];
	struct report report; /* EVENT_REPORT */
};

/* The ID of the element that has all this. 32473 is for documents (RFC 5612): nobody else's number is taken. */
#define EVENT_SD_ID "stage1@32473"

/* A datagram from ADDRESS -> E. 0, or -EBADMSG for what is no message. */
int event_of_datagram(struct event *e, const char *address, const char *bytes, size_t len) must_check;

/* A line of dnsmasq's log -> E. 0, or -ENOMSG for one that says nothing of a node. */
int event_of_dnsmasq(struct event *e, const char *line, size_t len) must_check;

/* A line of nginx's access log, in the combined format -> E. 0, or -ENOMSG. */
int event_of_nginx(struct event *e, const char *line, size_t len) must_check;

#endif
