/* test_check.c - method_check and stage1/plan.h: what is refused, and decided, from the command line alone. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/plan.h" /* before cmocka.h, which makes a macro of fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define HEX64 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

/* What is decided before the first step, and nothing else. */
static int decide(const char *automatic, const char *words, struct plan *p, struct failure *f)
{
	cleanup_free char *line = str_printf("automatic=%s %s", automatic, words);
	const struct method *m;
	struct options o;
	int err;

	*f = (struct failure){ 0 };
	assert_non_null(line);
	assert_int_equal(options_parse(&o, line), 0);
	m = method_find(o.value[KEY_METHOD]);
	assert_non_null(m);
	err = method_check(m, &o, f);
	if (!err)
		err = plan_make(&o, m, p, f);
	options_free(&o);
	return err;
}

static void test_every_value_with_a_grammar(void **state)
{
	static const struct {
		const char *automatic;
		const char *words; /* that the refusal says; NULL: it is accepted */
	} table[] = {
		{ "method:http,server:h", NULL },
		{ "method:http,server:h,sha256:" HEX64, NULL },
		{ "method:http,server:h,sha256:" HEX64 "0", "sha256:" HEX64 "0: a SHA-256 is 64 hexadecimal digits" },
		{ "method:nfs,server:h,directory:/a,sha256:xyz", "sha256:xyz" },
		{ "method:dolly,sha256:12", "sha256:12" },
		{ "method:disk,directory:/,sha256:12", "sha256:12" },
		{ "method:http,server:h,port:80", NULL },
		{ "method:http,server:h,port:http", "port:http is no number from 1 to 65535" },
		{ "method:https,server:h,port:0", "port:0" },
		{ "method:tftp,server:h,directory:a,port:65536", "port:65536" },
		{ "method:dolly,port:none", NULL }, /* not read */
		{ "method:disk,directory:/,port:x", NULL },
		{ "method:http,server:h,timeout:60", NULL },
		{ "method:http,server:h,timeout:0", "timeout:0" },
		{ "method:disk,directory:/,timeout:1m", "timeout:1m" },
		{ "method:ka,timeout:-1", "timeout:-1" },
		{ "method:http,server:h,retries:0", NULL },
		{ "method:http,server:h,retries:many", "retries:many" },
		{ "method:ka,retries:0", "retries:0" },
		{ "method:dolly,retries:x", "retries:x" },
		{ "method:dolly,dolly_timeout:100", NULL },
		{ "method:dolly,dolly_timeout:1h", "dolly_timeout:1h" },
		{ "method:http,server:h,dolly_timeout:1h", NULL },
		{ "method:http,server:h,proxy_host:p,proxy_port:3128", NULL },
		{ "method:http,server:h,proxy_host:p,proxy_port:x", "proxy_port:x" },
		{ "method:http,server:h,proxy_port:x", NULL }, /* no proxy */
		{ "method:http,server:h,proxy_host:http://p", "proxy_host:http://p: no name or address" },
		{ "method:ftp,server:h,proxy_host:p:80", "proxy_port:" },
		{ "method:http,server:h,proxy_host:2001:db8::1", NULL },
		{ "method:http,server:a+b:8080+[fe80::1]:80", NULL },
		{ "method:http,server:http://h/dir", "server:http://h/dir: no HOST" },
		{ "method:nfs,server:h/export,directory:/a", "the path goes into directory:" },
		{ "method:http,server:me:secret@h", "takes no login" },
		{ "method:http,server:a+b:x", "server:a+b:x" },
		{ "method:http,server:a++b", "server:a++b" },
		{ "method:https,server:h,pin:" HEX64, NULL },
		{ "method:https,server:h,pin:abc", "pin:abc: no SHA-256" },
		{ "method:http,server:h,pin:abc", NULL },
		{ "method:ka,session:getstage2", NULL },
		{ "method:http,server:h,verify:manifest", "verify:" },
		{ "method:http,server:h,adsluser:me,adslpass:secret", "ADSL" },
		{ "method:http,server:h,network:adsl", "ADSL" },
		{ "method:http,server:h,root:overlay", NULL },
		{ "method:http,server:h,root:rw", NULL },
		{ "method:http,server:h,root:ram+ro", NULL },
		{ "method:http,server:h,root:nfs", "root:nfs: nfs is none of ram, overlay, rw, ro with method:http" },
		{ "method:nfs,server:h,directory:/a,root:nfs+ro", NULL },
		{ "method:nfs,server:h,directory:/a,root:nsf", "root:nsf" },
		{ "method:nfs,server:h,directory:/a,root:nfs,outfile:ram", "leaves the image where it is" },
		{ "method:http,server:h,outfile:/dev/ram3", NULL },
		{ "method:http,server:h,outfile:ram", NULL },
		{ "method:http,server:h,outfile:/dev/sda", "outfile:/dev/sda is neither ram nor /dev/ramN" },
		{ "method:http,server:h,outfile:/dev/ram", "outfile:/dev/ram" },
		{ "method:http,server:h,kernel:linux,initrd:i", NULL },
		{ "method:http,server:h,kernel:linux,sha256:" HEX64, NULL },
		{ "method:http,server:h,kernel:linux,initrd:i,sha256:" HEX64, "kernel: with initrd: are two" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct failure f;
		struct plan p;
		int err = decide(table[i].automatic, "", &p, &f);

		if (!table[i].words && err)
			fail_msg("%s: refused: %s", table[i].automatic, f.detail);
		if (table[i].words && (!err || f.id != FAIL_CMD_BAD_VALUE || !strstr(f.detail, table[i].words)))
			fail_msg("%s: %d, %s", table[i].automatic, err, f.detail);
		assert_null(strstr(f.detail, "secret"));
	}
}

static void test_plans(void **state)
{
	static const struct {
		const char *automatic, *words;
		struct plan plan;
	} table[] = {
		{ "method:http,server:h", "", { false, ROOT_OVERLAY, PLACE_MEMORY_OR_MEDIUM, -1 } },
		{ "method:ka", "root=/dev/ram3 rw", { false, ROOT_RW, PLACE_MEMORY_OR_MEDIUM, 3 } },
		{ "method:ka", "root=/dev/ram3", { false, ROOT_OVERLAY, PLACE_MEMORY_OR_MEDIUM, 3 } },
		{ "method:ka", "root=/dev/sda1 rw", { false, ROOT_OVERLAY, PLACE_MEMORY_OR_MEDIUM, -1 } },
		{ "method:ka,outfile:ram", "root=/dev/ram3 rw", { false, ROOT_RW, PLACE_MEMORY_OR_MEDIUM, -1 } },
		{ "method:ka,outfile:/dev/ram0", "root=/dev/ram3", { false, ROOT_OVERLAY, PLACE_MEMORY_OR_MEDIUM, 0 } },
		{ "method:ka,root:ro", "root=/dev/ram3 rw", { false, ROOT_RO, PLACE_MEMORY_OR_MEDIUM, 3 } },
		{ "method:nfs,server:h,directory:/a,root:nfs+rw", "", { false, ROOT_RW, PLACE_THERE, -1 } },
		{ "method:disk,directory:/,root:disk", "", { false, ROOT_OVERLAY, PLACE_THERE, -1 } },
		{ "method:disk,directory:/,root:ram", "", { false, ROOT_OVERLAY, PLACE_MEMORY, -1 } },
		{ "method:http,server:h,kernel:linux",
		  "root=/dev/ram3 rw",
		  { true, ROOT_OVERLAY, PLACE_MEMORY_OR_MEDIUM, -1 } },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct plan *expected = &table[i].plan;
		struct failure f;
		struct plan p;

		assert_int_equal(decide(table[i].automatic, table[i].words, &p, &f), 0);
		if (p.kernel != expected->kernel || p.mode != expected->mode || p.place != expected->place ||
		    p.ramdisk != expected->ramdisk)
			fail_msg("%s %s: %d %d %d %d", table[i].automatic, table[i].words, p.kernel, (int)p.mode,
				 (int)p.place, p.ramdisk);
	}
}

/* What is refused is refused in words, whatever its length. */
static void test_long_values(void **state)
{
	char automatic[700];
	struct failure f;
	struct plan p;
	(void)state;

	memset(automatic, 'x', sizeof(automatic));
	memcpy(automatic, "method:ka,session:", 18);
	automatic[sizeof(automatic) - 1] = '\0';
	assert_int_equal(decide(automatic, "", &p, &f), -EINVAL);
	assert_non_null(strstr(f.detail, "...: longer than the 199 bytes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_value_with_a_grammar),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_long_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
