/* site.c - the words of `head-node serve` -> what is served, where, how, and from which files. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/site.h"

#include "base/file.h"
#include "net/address.h"
#include "server/head/files.h"
#include "server/head/say.h"

#include <getopt.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <unistd.h>

const char site_usage[] =
	"  --interface IF         the wire that the machines hang on\n"
	"  --state DIR            the folder for all that is written (" HEAD_STATE ")\n"
	"  --image FILE|DIR       what the machines run; silent: a Debian, built on the first run\n"
	"  --method METHOD        http (as silent), dolly, ka or nfs\n"
	"  --nodes N              how many machines there are: dolly and ka start when so many have come\n"
	"  --range FIRST-LAST     the addresses they get; silent: those of the network\n"
	"  --dhcp WHO             own: answer DHCP; proxy: boot files only, beside a DHCP server; none; silent: look\n"
	"  --address ADDR/BITS    give the interface this address for as long as the program runs\n"
	"  --router ADDR, --dns ADDR   tell the machines this default route, this name server\n"
	"  --append WORDS         words for every machine's kernel\n"
	"  --boot DIR             the folder with vmlinuz and all.rdz\n"
	"  --http-port N          the web server's port (80)\n"
	"  --page-port N          the port of the page of `head-node status` (8080)\n"
	"  --syslog-port N        the UDP port that hears the machines (514); 0: none, another program has it\n"
	"  --ipxe                 what says of itself that it is iPXE gets a script in place of a boot loader\n";

static const char *const methods[] = { "http", "dolly", "ka", "nfs" };
static const char *const dhcps[] = { "auto", "own", "proxy", "none" };

static int number_of(const char *s, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (streq(s, names[i]))
			return i;
	return -EINVAL;
}

int head_method_parse(const char *s, enum head_method *method)
{
	int n = number_of(s, methods, ARRAY_SIZE(methods));

	if (n >= 0)
		*method = (enum head_method)n;
	return MIN(n, 0);
}

int head_dhcp_parse(const char *s, enum head_dhcp *dhcp)
{
	int n = number_of(s, dhcps, ARRAY_SIZE(dhcps));

	if (n >= 0)
		*dhcp = (enum head_dhcp)n;
	return MIN(n, 0);
}

const char *head_method_name(enum head_method method)
{
	return methods[method];
}

const char *head_dhcp_name(enum head_dhcp dhcp)
{
	return dhcps[dhcp];
}

/* ---- the command line */

/* "10.0.1.31-10.0.1.99", "10.0.1.31-99" */
static int parse_range(const char *s, struct site *site)
{
	const char *dash = strchr(s, '-'), *dot;
	char first[ADDRESS_TEXT_SIZE], last[ADDRESS_TEXT_SIZE];

	if (!dash || (size_t)(dash - s) >= sizeof(first))
		return -EINVAL;
	memcpy(first, s, (size_t)(dash - s));
	first[dash - s] = '\0';
	dot = strrchr(first, '.');
	if (!dot || str_copy(last, sizeof(last), dash + 1))
		return -EINVAL;
	if (!strchr(last, '.')) {
		size_t head = (size_t)(dot + 1 - first);

		memcpy(last, first, head);
		if (str_copy(last + head, sizeof(last) - head, dash + 1))
			return -EINVAL;
	}
	if (address_parse(first, &site->first) || address_parse(last, &site->last))
		return -EINVAL;
	return ntohl(site->first.s_addr) <= ntohl(site->last.s_addr) ? 0 : -EINVAL;
}

/* "10.0.1.1/24" */
static int parse_wish(const char *s, struct site *site)
{
	char address[ADDRESS_TEXT_SIZE];
	const char *slash = strchr(s, '/');

	if (!slash || (size_t)(slash - s) >= sizeof(address))
		return -EINVAL;
	memcpy(address, s, (size_t)(slash - s));
	address[slash - s] = '\0';
	if (address_parse(address, &site->wish) || netmask_parse(slash, &site->wish_prefix))
		return -EINVAL;
	return site->wish_prefix && address_is_own(site->wish, site->wish_prefix) ? 0 : -EINVAL;
}

static int parse_unsigned(const char *s, int64_t max, unsigned *out)
{
	int64_t n;
	int err = parse_number(s, 1, max, &n);

	if (!err)
		*out = (unsigned)n;
	return err;
}

enum site_option {
	INTERFACE = 1,
	STATE,
	IMAGE,
	METHOD,
	NODES,
	RANGE,
	DHCP,
	ADDRESS,
	ROUTER,
	DNS,
	APPEND,
	BOOT,
	HTTP_PORT,
	PAGE_PORT,
	SYSLOG_PORT,
	IPXE
};

static const struct option long_options[] = {
	{ "interface", 1, NULL, INTERFACE },
	{ "state", 1, NULL, STATE },
	{ "image", 1, NULL, IMAGE },
	{ "method", 1, NULL, METHOD },
	{ "nodes", 1, NULL, NODES },
	{ "range", 1, NULL, RANGE },
	{ "dhcp", 1, NULL, DHCP },
	{ "address", 1, NULL, ADDRESS },
	{ "router", 1, NULL, ROUTER },
	{ "dns", 1, NULL, DNS },
	{ "append", 1, NULL, APPEND },
	{ "boot", 1, NULL, BOOT },
	{ "http-port", 1, NULL, HTTP_PORT },
	{ "ipxe", 0, NULL, IPXE },
	{ "page-port", 1, NULL, PAGE_PORT },
	{ "syslog-port", 1, NULL, SYSLOG_PORT },
	{ 0 },
};

static int absolute(const char *path, char **out)
{
	cleanup_free char *here = *path == '/' ? NULL : getcwd(NULL, 0);

	free(*out);
	*out = here ? str_printf("%s/%s", here, path) : strdup(path);
	return *out ? 0 : -ENOMEM;
}

static int take_port(const char *s, uint16_t *out)
{
	unsigned port = 0;
	int err = parse_unsigned(s, 65535, &port);

	*out = (uint16_t)port;
	return err;
}

/* Words that a boot loader passes on as they are. */
static int take_append(const char *s, struct site *site)
{
	site->append = s;
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == '"' || *s == '\'')
			return -EINVAL;
	return 0;
}

static int take(int option, const char *value, struct site *site)
{
	switch (option) {
	case INTERFACE:
		site->interface = value;
		return *value && strlen(value) < CARD_NAME_SIZE && !strpbrk(value, "/ \n") ? 0 : -EINVAL;
	case STATE:
		return *value && !strpbrk(value, " \n\"';{}") ? absolute(value, &site->state) : -EINVAL;
	case IMAGE:
		site->image = value;
		return *value ? 0 : -EINVAL;
	case METHOD:
		return head_method_parse(value, &site->method);
	case NODES:
		return parse_unsigned(value, 4000, &site->nodes);
	case RANGE:
		return parse_range(value, site);
	case DHCP:
		return head_dhcp_parse(value, &site->dhcp);
	case ADDRESS:
		return parse_wish(value, site);
	case ROUTER:
		return address_parse(value, &site->router);
	case DNS:
		return address_parse(value, &site->dns);
	case APPEND:
		return take_append(value, site);
	case BOOT:
		site->boot = value;
		return 0;
	case HTTP_PORT:
		return take_port(value, &site->http_port);
	case PAGE_PORT:
		return take_port(value, &site->page_port);
	case SYSLOG_PORT:
		site->syslog_port = 0;
		return streq(value, "0") ? 0 : take_port(value, &site->syslog_port);
	default:
		site->ipxe = true;
		return 0;
	}
}

static const char *option_name(int option)
{
	const struct option *o = long_options;

	while (o->name && o->val != option)
		o++;
	return o->name;
}

int site_parse(int argc, char **argv, struct site *site)
{
	int c, err = absolute(HEAD_STATE, &site->state);

	site->http_port = 80;
	site->page_port = 8080;
	site->syslog_port = 514;
	optind = 0;
	while (!err && (c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (c == '?')
			return -EINVAL;
		err = take(c, optarg, site);
		if (err)
			head_say("--%s %s: that cannot be", option_name(c), optarg);
	}
	if (!err && optind < argc) {
		head_say("%s: what is that?", argv[optind]);
		err = -EINVAL;
	}
	if (!err && !site->interface) {
		head_say("--interface is needed: the wire that the machines hang on");
		err = -EINVAL;
	}
	return err;
}

/* ---- where what is */

/* The folder above that of this program. */
static char *top_folder(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	path[MAX(n, 0)] = '\0';
	for (int i = 0; i < 2; i++) {
		slash = strrchr(path, '/');
		if (!slash)
			return strdup("/");
		*slash = '\0';
	}
	return strdup(path);
}

int site_find_files(struct site *site)
{
	cleanup_free char *top = top_folder(), *installed = top ? str_printf("%s/lib/stage1", top) : NULL;
	const char *lib = installed && file_is(installed) ? installed : top;

	if (!installed)
		return -ENOMEM;
	free(site->files);
	site->files = strdup(site->boot ? site->boot : lib);
	free(site->tools);
	site->tools = str_printf(lib == installed ? "%s/server/demo-image" : "%s/../server/demo-image", lib);
	return site->files && site->tools ? 0 : -ENOMEM;
}

bool site_one_user(void)
{
	cleanup_free char *map = file_text("/proc/self/uid_map");

	return geteuid() != 0 || !map || !strstr(map, "4294967295");
}

char *site_path(const struct site *site, const char *name)
{
	return str_printf("%s/%s", site->state, name);
}

void site_free(struct site *site)
{
	free(site->state);
	free(site->files);
	free(site->tools);
}

void site_add_server(const struct site *site, struct buf *out)
{
	char text[ADDRESS_TEXT_SIZE];

	buf_str(out, address_text(site->address, text));
	if (site->http_port != 80)
		buf_printf(out, ":%u", site->http_port);
}

/* ---- the interface */

static void take_address(struct site *site, const struct ifaddrs *a)
{
	struct sockaddr_in own, mask;

	memcpy(&own, a->ifa_addr, sizeof(own));
	memcpy(&mask, a->ifa_netmask, sizeof(mask));
	if (site->address.s_addr && own.sin_addr.s_addr != site->wish.s_addr)
		return; /* the first one, or the one that was asked for */
	site->address = own.sin_addr;
	if (netmask_prefix(mask.sin_addr, &site->prefix))
		site->prefix = 32;
}

static void take_entry(struct site *site, const struct ifaddrs *a)
{
	struct sockaddr_ll link;

	if (!a->ifa_addr || !streq(a->ifa_name, site->interface))
		return;
	if (a->ifa_addr->sa_family == AF_INET && a->ifa_netmask)
		take_address(site, a);
	if (a->ifa_addr->sa_family != AF_PACKET)
		return;
	memcpy(&link, a->ifa_addr, sizeof(link));
	site->ifindex = link.sll_ifindex;
	memcpy(site->mac, link.sll_addr, MAC_LEN);
}

/* The greater part of the network, before or behind the own address. */
static void choose_range(struct site *site)
{
	uint32_t net = ntohl(network_of(site->address, site->prefix).s_addr), own = ntohl(site->address.s_addr);
	uint32_t last = net + (site->prefix ? (uint32_t)(((uint64_t)1 << (32 - site->prefix)) - 1) : UINT32_MAX) - 1;

	if (site->first.s_addr || site->prefix > 30)
		return;
	site->first.s_addr = htonl(own - net > last - own ? net + 1 : own + 1);
	site->last.s_addr = htonl(own - net > last - own ? own - 1 : last);
}

static bool range_fits(const struct site *site)
{
	return !site->first.s_addr || (same_network(site->address, site->first, site->prefix) &&
				       same_network(site->address, site->last, site->prefix));
}

int site_look(struct site *site)
{
	struct ifaddrs *all = NULL;

	site->ifindex = 0;
	site->address.s_addr = 0;
	if (getifaddrs(&all) < 0)
		return -errno;
	for (const struct ifaddrs *a = all; a; a = a->ifa_next)
		take_entry(site, a);
	freeifaddrs(all);
	if (!site->ifindex)
		return -ENODEV;
	if (!site->address.s_addr)
		return -EADDRNOTAVAIL;
	choose_range(site);
	return range_fits(site) ? 0 : -ERANGE;
}
