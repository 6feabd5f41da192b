/* test_nfs_options.c - methods/nfs/mount.h: options as people write them for mount(8) reach whom they are for. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/nfs/mount.h" /* before cmocka.h, which makes a macro of fail */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/mount.h>

static void test_options(void **state)
{
	static const struct {
		const char *text, *kernel;
		unsigned long flags;
	} rows[] = {
		{ NULL, "", 0 },
		{ "", "", 0 },
		{ "vers=3+rsize=65536", "vers=3,rsize=65536", 0 },
		{ "vers=4.1,soft", "vers=4.1,soft", 0 },
		{ "nolock+proto=tcp+rsize=32768+intr+noatime", "nolock,rsize=32768", MS_NOATIME },
		{ "ro+defaults+bg+_netdev+hard+fg+user+nofail", "hard", 0 },
		{ "rw,noauto,users,nouser,owner,group,auto,suid,dev,exec,async", "", 0 },
		{ "noatime+nodiratime+sync+dirsync+relatime+strictatime", "",
		  MS_NOATIME | MS_NODIRATIME | MS_SYNCHRONOUS | MS_RELATIME | MS_STRICTATIME },
		{ "x-systemd.automount+x-systemd.device-timeout=10s+comment=a b+retry=5+user=me+X-mount.mkdir", "", 0 },
		{ "proto=udp+proto=tcp6+mountproto=tcp+mountproto=udp+tcp+tcpx", "proto=udp,mountproto=udp,tcpx", 0 },
		{ "+noatime++,nconnect=4,", "nconnect=4", MS_NOATIME },
		{ "rox+atime+noatim+bgx+retry+timeo=5+retrans=2+sec=sys",
		  "rox,noatim,bgx,retry,timeo=5,retrans=2,sec=sys", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned long flags = 7;
		cleanup_free char *kernel = nfs_read_options(rows[i].text, &flags);

		assert_string_equal(kernel, rows[i].kernel);
		assert_int_equal(flags, rows[i].flags);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_options) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
