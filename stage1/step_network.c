/* step_network.c - step 2: devices -> one interface with an address, and the next system told of it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/steps.h"

#include "base/clock.h"
#include "base/log.h"
#include "stage1/journal.h"
#include "stage1/system.h"

#include <arpa/inet.h>
#include <unistd.h>

#define NETWORK_DEFAULT_S 120 /* a port may take 50 s to forward (spanning tree), and a server its time */

/* While a link is waited for there is time for what every image needs. */
static void load_image_modules(void *ctx)
{
	static const char *const usual[] = { "loop", "squashfs", "overlay" };

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		(void)flow_load_module(ctx, usual[i]); /* who really needs it, says what is missing */
}

/* The card may hang on USB, whose drivers are not loaded where there is one on the built-in buses. */
static void load_usb_cards(void *ctx)
{
	if (probe_load(ctx, PROBE_NET | PROBE_USB, now_ms() + DEVICES_MS))
		log_warn("not all drivers of USB cards could be loaded");
}

/* "Intel Corporation 82540EM Gigabit Ethernet Controller" -> "Intel 82540EM Gigabit": what fits on the line. */
static const char *short_name(const char *name)
{
	static const char *const empty[] = { "Corporation", "Ethernet", "Controller", "Co.,",
					     "Ltd.",        "Inc.",     "Inc",        "Limited" };
	static char text[100];
	size_t len = 0;

	while (*name) {
		size_t n = strcspn(name, " "), i = 0;

		while (i < ARRAY_SIZE(empty) && (strlen(empty[i]) != n || !starts_with(name, empty[i])))
			i++;
		if (i == ARRAY_SIZE(empty) && len + n + 2 < sizeof(text)) {
			if (len)
				text[len++] = ' ';
			memcpy(text + len, name, n);
			len += n;
		}
		name += n + (name[n] == ' ');
	}
	text[len] = '\0';
	return text;
}

/* The name of the card at ADDRESS on its bus. */
static const char *card_title(void *ctx, const char *address)
{
	size_t count;
	const struct probe_device *d = probe_devices(ctx, &count);

	for (size_t i = 0; i < count; i++)
		if (streq(d[i].address, address))
			return short_name(probe_name(ctx, &d[i]));
	return NULL;
}

/* "lease 80 h" */
static void add_lease(struct buf *text, uint32_t seconds)
{
	if (seconds == UINT32_MAX)
		buf_str(text, "lease for ever");
	else if (seconds >= 2 * 3600)
		buf_printf(text, "lease %u h", seconds / 3600);
	else
		buf_printf(text, "lease %u min", seconds / 60);
}

/* "2001:db8::30/64, DHCPv6, lease 12 h" */
static void note_address6(struct flow *f, const struct net_address6 *address)
{
	cleanup_buf struct buf text = { 0 };
	char a[INET6_ADDRSTRLEN];

	buf_printf(&text, "%s/%u, ", inet_ntop(AF_INET6, &address->address, a, sizeof(a)), address->prefix);
	buf_str(&text, address->by_dhcp ? "DHCPv6, " : "by the router's prefix");
	if (address->by_dhcp)
		add_lease(&text, address->valid_s);
	watch_note(&f->watch, "%s", buf_cstr(&text));
}

/* "10.0.1.31/24, DHCP from 10.0.1.21, lease 80 h" */
static void note_address(struct flow *f)
{
	const struct network *n = &f->network;
	cleanup_buf struct buf text = { 0 };
	char a[INET_ADDRSTRLEN];

	for (size_t i = 0; i < n->address6_count; i++)
		note_address6(f, &n->address6[i]);
	if (!n->address.s_addr)
		return;
	buf_printf(&text, "%s/%u, ", inet_ntop(AF_INET, &n->address, a, sizeof(a)), n->prefix);
	if (!n->dhcp) {
		buf_str(&text, "static");
	} else {
		buf_printf(&text, "DHCP from %s, ", inet_ntop(AF_INET, &n->server_id, a, sizeof(a)));
		add_lease(&text, n->lease_s);
	}
	watch_note(&f->watch, "%s", buf_cstr(&text));
}

/* What there is to ask of net/; the deadline begins now. */
static int make_request(struct flow *f, struct net_request *request)
{
	int64_t seconds;
	int err = options_number(f->options, KEY_TIMEOUT, 1, 86400, NETWORK_DEFAULT_S, &seconds, &f->result->failure);

	*request = (struct net_request){
		.options = f->options,
		.deadline = now_ms() + seconds * 1000,
		.watch = &f->watch,
		.while_waiting = load_image_modules,
		.more_cards = f->options->noauto ? NULL : load_usb_cards,
		.card_title = card_title,
		.load_module = flow_load_module,
		.ctx = f->probe,
	};
	return err;
}

static void write_settings(const struct flow *f)
{
	const char *name = f->network.hostname;
	int err = net_write_handover(&f->network, RUN_DIR);

	if (err)
		log_warn("the network's settings cannot be left in " RUN_DIR ": %s", err_text(err));
	if (name && sethostname(name, strlen(name)))
		log_warn("the host name %s is refused: %s", name, err_text(errno));
}

void flow_name_node(struct flow *f)
{
	if (reverse_finish(&f->reverse, &f->network))
		write_settings(f);
}

/* The network is there: a person, the next system, the log server hear of it. */
static void use_network(struct flow *f)
{
	struct failure ignored = { 0 };

	note_address(f);
	write_settings(f);
	f->keeping = net_keep_start(&f->network);
	reverse_start(&f->reverse, &f->network);
	/* a log server that is not there is no reason not to boot */
	if (f->options->value[KEY_LOG] && journal_add_server(&f->network, f->options->value[KEY_LOG], &ignored))
		log_warn("no log lines go to %s", f->options->value[KEY_LOG]);
}

bool flow_keep_end(struct flow *f)
{
	char why[120] = "";
	bool kept = !f->keeping, good = net_keep_end(f->keeping, &f->network, why, sizeof(why));

	f->keeping = NULL;
	if (!good)
		watch_note(&f->watch, "the address is lost: %s", why);
	if (!kept && good)
		write_settings(f);
	return good;
}

bool flow_other_card(struct flow *f)
{
	struct failure unreached = f->result->failure;
	cleanup_free char *settings = str_printf(RUN_DIR "/net-%s.conf", f->network.interface);
	struct net_request request;
	struct failure found = { 0 };

	if (!net_may_be_wrong_card(&unreached) || make_request(f, &request))
		return false;
	if (!flow_keep_end(f)) { /* not the server's fault, nor the card's */
		network_free(&f->network);
		if (net_up(&f->network, &request, &found))
			return false;
	} else if (net_try_next(&f->network, &request, &found)) {
		return false; /* what counts is that the server was not reached */
	}
	watch_note(&f->watch, "not reached that way (%s): now over %s", unreached.detail, f->network.interface);
	f->result->failure = (struct failure){ 0 };
	if (settings)
		unlink(settings);
	use_network(f);
	return true;
}

int step_network(struct flow *f)
{
	struct net_request request;
	int err;

	if (!(f->method->needs & METHOD_NEEDS_NETWORK)) {
		load_image_modules(f->probe);
		watch_note(&f->watch, "not needed for method %s", f->method->name);
		return 0;
	}
	err = make_request(f, &request);
	if (!err)
		err = net_up(&f->network, &request, &f->result->failure);
	if (!err)
		use_network(f);
	else
		probe_report(f->probe); /* a driver may have missed its firmware only now */
	return err;
}
