/* test_advice.c - options/advice.h: what is advised fits what was typed, for every failure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options/advice.h" /* before cmocka.h, which makes a macro of fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static char *advice(const char *line, enum fail_id id, enum advice_reader reader)
{
	struct buf out = { 0 };
	struct options o;

	assert_int_equal(options_parse(&o, line), 0);
	advice_words(&out, id, &o, reader);
	options_free(&o);
	if (!out.data)
		buf_str(&out, "");
	return buf_take(&out);
}

static void test_it_fits_what_was_typed(void **state)
{
	static const struct {
		enum fail_id id;
		const char *line;
		const char *yes, *no; /* in it, not in it; NULL: whatever */
	} table[] = {
		{ FAIL_MEM_TOO_LITTLE, "automatic=method:nfs", "root:nfs uses", "method:nfs with" },
		{ FAIL_MEM_TOO_LITTLE, "automatic=method:nfs,root:nfs", "smaller", "root:nfs" },
		{ FAIL_MEM_TOO_LITTLE, "automatic=method:http",
		  "Another method needs no copy: method:nfs with root:nfs", "root:disk" },
		{ FAIL_MEM_TOO_LITTLE, "automatic=method:disk", "root:disk uses", "nfs" },
		{ FAIL_MEM_TOO_LITTLE, "automatic=method:cdrom", "root:cdrom uses", "nfs" },
		{ FAIL_MEM_TOO_LITTLE, "automatic=method:http,kernel:linux", "smaller", "root:" },
		{ FAIL_MED_NO_DEVICE, "automatic=method:disk,disk:sdx", "disk:auto", "partition:auto" },
		{ FAIL_MED_NO_DEVICE, "automatic=method:disk,disk:auto,partition:7", "partition:auto", "disk:auto" },
		{ FAIL_MED_NO_DEVICE, "automatic=method:disk,partition:auto", "listed", "auto" },
		{ FAIL_ROOT_READ_ONLY, "root=/dev/ram3 rw automatic=method:ka", "Add root:overlay", "root:rw" },
		{ FAIL_ROOT_READ_ONLY, "automatic=method:http,root:rw", "root:overlay puts", "Add" },
		{ FAIL_ROOT_NO_INIT, "init=/bin/x automatic=method:http", "Correct init=", "Give init=" },
		{ FAIL_ROOT_NO_INIT, "automatic=method:http", "Give init=", "Correct" },
		{ FAIL_NET_NO_ANSWER, "automatic=method:http,interface:eth0", "network:static", "interface:" },
		{ FAIL_NET_NO_ANSWER, "automatic=method:http", "interface:", NULL },
		{ FAIL_NET_NO_INTERFACE, "automatic=method:http", "cables", "interface:auto" },
		{ FAIL_NET_NO_INTERFACE, "automatic=method:http,interface:eth7", "interface:auto", "cables" },
		{ FAIL_DNS_NO_SERVER, "automatic=method:http,network:static", "or dns:", "DHCP" },
		{ FAIL_DNS_NO_SERVER, "automatic=method:http", "option 6", "dns:" },
		{ FAIL_SRV_NOT_FOUND, "automatic=method:http,kernel:linux", "kernel: or initrd:", "image:" },
		{ FAIL_SRV_NOT_FOUND, "automatic=method:http,image:x", "directory: or image:", "kernel:" },
		{ FAIL_SRV_NOT_FOUND, "automatic=method:http", "give image:", "kernel:" },
		{ FAIL_SRV_DENIED, "automatic=method:tftp", "log", "user:" },
		{ FAIL_SRV_DENIED, "automatic=method:http", "want user:", "right" },
		{ FAIL_SRV_DENIED, "automatic=method:http,user:a", "pass: right", "want" },
		{ FAIL_TLS_TRUST, "automatic=method:https,pin:a", "pin: the sum", "CA_BUNDLE" },
		{ FAIL_TLS_TRUST, "automatic=method:https", "CA_BUNDLE", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char *words = advice(table[i].line, table[i].id, ADVICE_NODE);

		if ((table[i].yes && !strstr(words, table[i].yes)) || (table[i].no && strstr(words, table[i].no)))
			fail_msg("%s, %s: %s", table[i].line, fail_code(table[i].id), words);
		free(words);
	}
}

static void test_a_program_on_a_shell_is_told_nothing_of_nodes(void **state)
{
	static const char *const of_nodes[] = { "APPEND",       "all.rdz",  "outfile:",
						"ramdisk_size", "root:nfs", "/run/stage1" };
	/* what only a node can run into: devices, media, mounts, roots, kernels of its own */
	static const char *const only_nodes[] = { "S1-DEV", "S1-NET", "S1-MED", "S1-ROOT", "S1-IMG-03", "S1-SYS-01" };
	(void)state;

	for (int id = FAIL_NONE + 1; id < FAIL_COUNT; id++) {
		char *words = advice("automatic=method:http", (enum fail_id)id, ADVICE_SHELL);
		bool only = false;

		for (size_t i = 0; i < ARRAY_SIZE(only_nodes); i++)
			only |= starts_with(fail_code((enum fail_id)id), only_nodes[i]);
		for (size_t i = 0; i < ARRAY_SIZE(of_nodes) && !only; i++)
			if (strstr(words, of_nodes[i]))
				fail_msg("%s: %s", fail_code((enum fail_id)id), words);
		free(words);
	}
}

static void test_every_failure_has_advice_for_every_method(void **state)
{
	static const char *const lines[] = { "",
					     "automatic=method:http,server:h",
					     "automatic=method:nfs,root:nfs,interface:eth0",
					     "automatic=method:disk,disk:auto,partition:auto",
					     "automatic=method:https,pin:x,user:u",
					     "init=/x automatic=method:tftp,kernel:k,network:static",
					     "automatic=method:cdrom" };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		for (int id = FAIL_NONE + 1; id < FAIL_COUNT; id++)
			for (int reader = ADVICE_NODE; reader <= ADVICE_SHELL; reader++) {
				char *words = advice(lines[i], (enum fail_id)id, (enum advice_reader)reader);

				if ((strlen(words) < 8 && id != FAIL_SYS_CANCELLED) || strchr(words, '[') ||
				    strstr(words, "APPEND"))
					fail_msg("%s, %s: '%s'", lines[i], fail_code((enum fail_id)id), words);
				free(words);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_fits_what_was_typed),
		cmocka_unit_test(test_a_program_on_a_shell_is_told_nothing_of_nodes),
		cmocka_unit_test(test_every_failure_has_advice_for_every_method),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
