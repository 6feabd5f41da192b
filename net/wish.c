/* wish.c - options -> what a person wants of the network: automatic= first, ip= where that is silent; pure
 * functions. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/wish.h"

#include "base/log.h"
#include "net/address.h"

#include <stdio.h>

/* ---- values */

const char *net_wish_value(const struct net_wish *wish, enum option_key key)
{
	return wish->options->value[key] ? wish->options->value[key] : wish->from_ip[key];
}

const char *net_wish_quote(const struct net_wish *wish, enum option_key key, char *buf, size_t size)
{
	const char *name = key_table[key].name, *value = net_wish_value(wish, key);

	if (wish->options->value[key])
		snprintf(buf, size, "%s:%s", name, value);
	else
		snprintf(buf, size, "%s %s of ip=", name, value ? value : "");
	return buf;
}

static int bad(struct failure *f, const struct net_wish *wish, enum option_key key, const char *why)
{
	char quote[120];

	return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL, "%s %s", net_wish_quote(wish, key, quote, sizeof(quote)), why);
}

static int set(struct net_wish *wish, enum option_key key, const char *value)
{
	char *copy;

	if (!*value || wish->from_ip[key])
		return 0;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	wish->from_ip[key] = copy;
	return 0;
}

/* ---- ip= */

/* The fields' numbers in the long form */
enum { F_ADDRESS, F_SERVER, F_GATEWAY, F_NETMASK, F_HOSTNAME, F_CARD, F_MODE, F_DNS1, F_DNS2, F_COUNT };

/* Cuts TEXT, which is changed, at its colons; what stands in [] is one piece. Fields beyond the last are left out. */
static void split(char *text, const char *field[F_COUNT])
{
	bool more = true;

	for (size_t i = 0; i < F_COUNT; i++)
		field[i] = "";
	for (size_t i = 0; i < F_COUNT && more; i++) {
		char *end = text;

		field[i] = text;
		while (*end && *end != ':')
			end += *end == '[' ? strcspn(end, "]") : 1;
		more = *end == ':';
		*end = '\0';
		text = end + more;
	}
}

/* The values of network:, in the order of enum net_mode. */
static const char *const mode_names[] = { "dhcp", "static", "auto6", "dhcp6" };

/* The word of ip= that says how; NET_STATIC stands for off, too. False for what is no such word. */
static bool mode_of(const char *word, enum net_mode *mode)
{
	static const struct {
		const char *word;
		enum net_mode mode;
	} words[] = {
		{ "dhcp4", NET_DHCP },  { "auto", NET_DHCP },     { "dhcp,dhcp6", NET_DHCP },
		{ "dhcp", NET_DHCP },   { "on", NET_DHCP },       { "any", NET_DHCP },
		{ "both", NET_DHCP },   { "bootp", NET_DHCP },    { "single-dhcp", NET_DHCP },
		{ "off", NET_STATIC },  { "none", NET_STATIC },   { "static", NET_STATIC },
		{ "auto6", NET_AUTO6 }, { "either6", NET_AUTO6 }, { "dhcp6", NET_DHCP6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (streq(word, words[i].word)) {
			*mode = words[i].mode;
			return true;
		}
	return false;
}

static bool is_number(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

/* The eighth and ninth field: name servers (the kernel's form), or MTU and MAC address (dracut's). */
static int read_tail(struct net_wish *wish, const char *const *tail)
{
	cleanup_buf struct buf dns = { 0 };

	if (is_number(tail[0])) {
		int64_t mtu;

		if (parse_number(tail[0], 576, 65535, &mtu))
			return -EINVAL;
		wish->mtu = (unsigned)mtu;
		if (*tail[1])
			log_warn("ip=: the MAC address is left out: cards keep theirs");
		return 0;
	}
	buf_printf(&dns, "%s%s%s", tail[0], *tail[0] && *tail[1] ? "+" : "", tail[1]);
	return dns.failed ? -ENOMEM : set(wish, KEY_DNS, buf_cstr(&dns));
}

static int read_addresses(struct net_wish *wish, const char *const *field)
{
	int err = set(wish, KEY_IP, field[F_ADDRESS]);

	if (!err)
		err = set(wish, KEY_GATEWAY, field[F_GATEWAY]);
	if (!err)
		err = set(wish, KEY_NETMASK, field[F_NETMASK]);
	if (!err && *field[F_SERVER] && address_parse(field[F_SERVER], &wish->server))
		err = -EINVAL;
	return err;
}

/* One ip= taken apart. */
struct ip_word {
	char *text; /* the fields point into it */
	const char *field[F_COUNT];
	enum net_mode mode;
	bool given; /* it says how; else it is silence about addresses */
	bool bad;
};

/* Its card; "": none is named. BOOTIF stands for that of BOOTIF=, which counts anyway. */
static const char *card_of(const struct ip_word *w)
{
	return streq(w->field[F_CARD], "BOOTIF") ? "" : w->field[F_CARD];
}

/* Finds out which of the forms it is. False: none. */
static bool understand(struct ip_word *w)
{
	const char **field = w->field;
	size_t slash = strcspn(w->text, "/");
	struct in_addr any;

	if (w->text[slash] && !*field[F_NETMASK]) { /* 10.0.1.31/24 */
		w->text[slash] = '\0';
		field[F_NETMASK] = w->text + slash + 1;
	}
	if (*field[0] && address_parse(field[0], &any) && *field[0] != '[') {
		if (mode_of(field[0], &w->mode) && !*field[1]) { /* the mode alone */
			field[F_MODE] = field[0];
		} else if (*field[1]) { /* CARD:MODE:MTU:MAC */
			field[F_DNS1] = field[2];
			field[F_DNS2] = field[3];
			field[F_MODE] = field[1];
			field[F_CARD] = field[0];
			field[F_HOSTNAME] = "";
		} else {
			return false;
		}
		field[F_ADDRESS] = field[F_SERVER] = field[F_GATEWAY] = field[F_NETMASK] = "";
	}
	if (*field[F_MODE] && !mode_of(field[F_MODE], &w->mode))
		return false;
	/* an address counts, unless it is said that a server is to be asked; off without one is silence */
	if (*field[F_ADDRESS] && !*field[F_MODE])
		w->mode = NET_STATIC;
	w->given = *field[F_ADDRESS] || w->mode != NET_STATIC;
	return true;
}

/* Which of several counts: the one that seems to lead somewhere, a network for storage alone last; 0: none does. */
static unsigned worth(const struct ip_word *w)
{
	if (w->bad || !w->given)
		return 0;
	if (streq(w->field[F_CARD], "BOOTIF"))
		return 4;
	if (w->mode != NET_STATIC)
		return 2;
	return *w->field[F_GATEWAY] || *w->field[F_SERVER] ? 3 : 1;
}

static int use_word(struct net_wish *wish, const struct ip_word *w, bool addresses)
{
	int err = set(wish, KEY_INTERFACE, w->given ? card_of(w) : "");

	if (!err)
		err = set(wish, KEY_HOSTNAME, w->field[F_HOSTNAME]);
	if (err || !addresses)
		return err;
	if (w->given && w->mode == NET_STATIC)
		err = read_addresses(wish, w->field);
	if (!err && w->given)
		err = set(wish, KEY_NETWORK, mode_names[w->mode]);
	return err ? err : read_tail(wish, w->field + F_DNS1);
}

/* The cards of the other words, and those that are off, belong to the next system, or to nobody. */
static void leave_others(struct net_wish *wish, const struct ip_word *words, size_t count, const struct ip_word *used)
{
	for (size_t i = 0; i < count; i++) {
		const char *card = card_of(&words[i]);

		if (words[i].bad || !*card || (&words[i] == used ? used->given : streq(card, card_of(used))))
			continue;
		buf_printf(&wish->left, "%s ", card);
		log_info("ip=: %s is left alone", card);
	}
}

static int use_words(struct net_wish *wish, struct ip_word *words, size_t count, bool addresses, struct failure *f)
{
	const struct ip_word *best = NULL;
	const char *bad_one = NULL;
	int err = 0;

	for (size_t i = 0; i < count; i++) {
		if (words[i].bad) {
			bad_one = wish->options->ips.word[i];
			log_warn("ip=%s is not understood", bad_one);
		} else if (!best || worth(&words[i]) > worth(best)) {
			best = &words[i];
		}
	}
	if (best) {
		leave_others(wish, words, count, best);
		err = use_word(wish, best, addresses);
		if (err == -EINVAL)
			bad_one = wish->options->ips.word[best - words];
	}
	if (err != -EINVAL && (best || !bad_one || !addresses))
		return err;
	return fail(f, FAIL_CMD_BAD_VALUE, -EINVAL,
		    "ip=%s is none of ip=dhcp, ip=CARD:dhcp, ip=ADDRESS:SERVER:GATEWAY:NETMASK:NAME:CARD:none:DNS:DNS",
		    bad_one);
}

static int read_ip(struct net_wish *wish, struct failure *f)
{
	const struct options *o = wish->options;
	bool addresses = !o->value[KEY_NETWORK] && !o->value[KEY_IP];
	cleanup_free struct ip_word *words = calloc(o->ips.count + 1, sizeof(*words));
	int err = words ? 0 : -ENOMEM;

	if (!err && !addresses && o->ips.count)
		log_info("ip=: its addresses are left out, automatic= has network: or ip:");
	for (size_t i = 0; i < o->ips.count && !err; i++) {
		words[i] = (struct ip_word){ .text = strdup(o->ips.word[i]), .mode = NET_DHCP };
		if (!words[i].text)
			err = -ENOMEM;
		else
			split(words[i].text, words[i].field);
		words[i].bad = !err && !understand(&words[i]);
	}
	if (!err)
		err = use_words(wish, words, o->ips.count, addresses, f);
	for (size_t i = 0; words && i < o->ips.count; i++)
		free(words[i].text);
	return err;
}

bool net_wish_leaves(const struct net_wish *wish, const struct card *card)
{
	const char *next = buf_cstr(&wish->left);
	struct card_wish one;

	if (wish->options->value[KEY_INTERFACE]) /* a person's choice here */
		return false;
	for (size_t n; *next; next += n + 1) {
		char name[32] = "";

		n = strcspn(next, " ");
		memcpy(name, next, MIN(n, sizeof(name) - 1));
		if (card_wish_parse(name, NULL, &one) == 0 && one.choice >= CARD_NAMED && card_matches(card, &one))
			return true;
	}
	return false;
}

/* ---- the rest */

/* What DHCP servers are told is the host's own name without a domain, as it always was. */
static int read_names(struct net_wish *wish, struct failure *f)
{
	static const enum option_key keys[] = { KEY_HOSTNAME, KEY_DOMAIN };
	const char *hostname = net_wish_value(wish, KEY_HOSTNAME);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *name = net_wish_value(wish, keys[i]);

		if (name && !host_name_is_sane(name))
			return bad(f, wish, keys[i], "is no name (letters, digits and - between dots)");
	}
	if (hostname) {
		str_copy(wish->hostname, sizeof(wish->hostname), hostname);
		wish->hostname[strcspn(wish->hostname, ".")] = '\0';
	}
	return 0;
}

/* server: where it is an address; of several and of ADDRESS:PORT the first address. */
static void read_server(struct net_wish *wish)
{
	const char *server = wish->options->value[KEY_SERVER];
	size_t n = server ? strcspn(server, ":+") : 0;
	char host[ADDRESS_TEXT_SIZE] = "";
	size_t n6 = server ? strcspn(server + (*server == '['), "]+") : 0;
	char host6[INET6_ADDRSTRLEN] = "";
	struct in6_addr a6;
	struct in_addr a;

	if (n6 < sizeof(host6))
		memcpy(host6, server ? server + (*server == '[') : "", n6);
	if (address6_parse(host6, &a6) == 0)
		wish->server6 = a6;
	if (n < sizeof(host))
		memcpy(host, server ? server : "", n);
	if (address_parse(host, &a) == 0)
		wish->server = a;
	/* server:[2001:db8::1]:80 or server:2001:db8::1 */
	wish->need6 = server && (*server == '[' || address6_parse(server, &a6) == 0);
	wish->need4 = !wish->need6 && (!server || address_parse(host, &a) == 0);
}

/* network:, or what it is when silent. */
static int read_mode(struct net_wish *wish, struct failure *f)
{
	const char *mode = net_wish_value(wish, KEY_NETWORK);

	if (!mode) {
		wish->mode = wish->options->value[KEY_IP] ? NET_STATIC : NET_DHCP;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(mode_names); i++)
		if (streq(mode, mode_names[i])) {
			wish->mode = (enum net_mode)i;
			return 0;
		}
	return bad(f, wish, KEY_NETWORK, "is none of dhcp, static, auto6, dhcp6");
}

int net_wish_read(const struct options *o, struct net_wish *wish, struct failure *f)
{
	const char *interface;
	int64_t vlan;
	int err;

	*wish = (struct net_wish){ .options = o };
	err = read_ip(wish, f);
	if (err == -ENOMEM)
		fail(f, FAIL_SYS_INTERNAL, err, "no memory for the network's values");
	if (err)
		return err;
	interface = net_wish_value(wish, KEY_INTERFACE);
	if (card_wish_parse(interface, o->bootif, &wish->card))
		return bad(f, wish, KEY_INTERFACE, "is neither a card's name nor a MAC address");
	err = read_mode(wish, f);
	if (err)
		return err;
	read_server(wish);
	if (o->value[KEY_BOND] && bond_wish_parse(o->value[KEY_BOND], &wish->bond))
		return bad(f, wish, KEY_BOND, "is neither 802.3ad nor active-backup, with :CARD+CARD behind it or not");
	err = options_number(o, KEY_VLAN, 1, 4094, 0, &vlan, f);
	wish->vlan = (unsigned)vlan;
	return err ? err : read_names(wish, f);
}

void net_wish_free(struct net_wish *wish)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		free(wish->from_ip[i]);
	buf_free(&wish->left);
	*wish = (struct net_wish){ 0 };
}
