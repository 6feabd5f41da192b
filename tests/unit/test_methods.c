/* test_methods.c - the table of methods, the classic paths, and the order of mirrors, paths and retries. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#undef fail /* ours is another one */

#include "methods/retrieve/retrieve.h"
#include "tests/lib/scratch.h"

#include <stdio.h>
#include <sys/utsname.h>

static void test_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; methods[i]; i++) {
		assert_ptr_equal(method_find(methods[i]->name), methods[i]);
		assert_non_null(methods[i]->title);
		assert_non_null(methods[i]->fetch);
	}
	assert_null(method_find("smoke"));
	assert_null(method_find(NULL));
}

static void test_missing_keys(void **state)
{
	struct options o = { 0 };
	struct failure f = { 0 };

	(void)state;
	assert_int_equal(method_check(method_find("http"), &o, &f), -EINVAL);
	assert_int_equal(f.id, FAIL_CMD_MISSING);
	assert_non_null(strstr(f.detail, "server:"));
	o.value[KEY_SERVER] = "h";
	assert_int_equal(method_check(method_find("http"), &o, &f), 0);
	o.value[KEY_VERIFY] = "manifest"; /* nothing may boot unverified that was to be verified */
	assert_int_equal(method_check(method_find("http"), &o, &f), -EINVAL);
	assert_int_equal(f.id, FAIL_CMD_BAD_VALUE);
	o.value[KEY_VERIFY] = "required:need=2:RWSqgjrrz31rz4Eb/gdsnBQ+cwtaf+Juh7jDNnR3t7+ZhA9p9ojhAaKp";
	assert_int_equal(method_check(method_find("http"), &o, &f), 0);
}

static void check_paths(const char *directory, const char *image, bool rescue, const char *plain, const char *file)
{
	struct options o = { .rescue = rescue };
	cleanup_free char *with_folder = NULL, *folder = NULL;
	struct utsname u;
	char **paths;
	size_t count;

	o.value[KEY_DIRECTORY] = directory;
	o.value[KEY_IMAGE] = image;
	uname(&u);
	assert_int_equal(method_paths(&o, &paths, &count), 0);
	assert_int_equal(count, 2);
	with_folder = str_printf("%.*s/%s/%s", (int)(strlen(plain) - strlen(file) - 1), plain, u.machine, file);
	assert_string_equal(paths[0], plain);
	assert_string_equal(paths[1], with_folder);
	folder = method_folder(&o, paths[1]);
	assert_int_equal(strlen(folder), strlen(paths[1]) - strlen(file) - 1);
	assert_memory_equal(folder, paths[1], strlen(folder));
	free(paths[0]);
	free(paths[1]);
	free(paths);
}

static void test_paths(void **state)
{
	(void)state;
	check_paths("/pub/d", NULL, false, "/pub/d/install/stage2/mdkinst.sqfs", "install/stage2/mdkinst.sqfs");
	check_paths("pub//d/", NULL, true, "/pub/d/install/stage2/rescue.sqfs", "install/stage2/rescue.sqfs");
	check_paths(NULL, "root.sqfs", true, "/root.sqfs", "root.sqfs");
	check_paths("/", "/a//b", false, "/a/b", "a/b");
}

static void test_tree_folder(void **state)
{
	static const char *const rows[][2] = {
		{ "/pub/install/stage2/live/", "/pub" },
		{ "install//stage2/live", "" },
		{ "/srv/root/", "/srv/root" },
		{ "/pub/install/stage2", "/pub/install/stage2" },
		{ "/reinstall/stage2/live", "/reinstall/stage2/live" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_free char *folder = method_tree_folder(rows[i][0]);

		assert_string_equal(folder, rows[i][1]);
	}
}

/* ---- a protocol that follows a script: "host path failure" for each try, and writes down what it was asked */

static const char *script;
static struct buf asked;

static enum fail_id scripted_failure(char c)
{
	switch (c) {
	case '4':
		return FAIL_SRV_NOT_FOUND;
	case 'r':
		return FAIL_SRV_REFUSED;
	case 's':
	case 'b':
		return FAIL_SRV_SHORT;
	case 'm':
		return FAIL_MEM_TOO_LITTLE;
	case 'c':
		return FAIL_IMG_CORRUPT;
	}
	return FAIL_SRV_DENIED;
}

static int scripted_get(struct transfer *t, const struct place *at, const char *path, struct failure *f)
{
	char c = *script ? *script++ : 'r';

	t->done += c == 'b' ? 100 : 0; /* bytes came before it broke */
	buf_printf(&asked, "%s%s ", at->host + strlen("127.0.0."), strlen(path) > 2 ? "+" : "");
	return c == '.' ? 0 : fail(f, scripted_failure(c), -EIO, "%s%s: %c", at->host, path, c);
}

static int no_finish(struct sink *s, struct failure *f)
{
	(void)s;
	(void)f;
	return 0;
}

/* Runs the script against three mirrors, with RETRIES; checks who was asked in which order. */
static void check_order(const char *servers, const char *tries, const char *retries, enum fail_id id, const char *order)
{
	static const struct protocol protocol = { .scheme = "http", .get = scripted_get };
	struct sink sink = { .finish = no_finish };
	struct options o = { 0 };
	struct failure f = { 0 };
	struct fetch fetch = { .options = &o, .sink = &sink, .fail = &f };

	o.value[KEY_SERVER] = servers;
	o.value[KEY_IMAGE] = "x";
	o.value[KEY_RETRIES] = retries;
	script = tries;
	buf_free(&asked);
	assert_int_equal(retrieve(&fetch, &protocol) == 0, id == FAIL_NONE);
	assert_int_equal(fetch.origin.host && fetch.origin.path, id == FAIL_NONE);
	origin_free(&fetch.origin);
	assert_int_equal(f.id, id);
	assert_string_equal(buf_cstr(&asked), order);
	buf_free(&asked);
}

static void test_order_of_tries(void **state)
{
	static const char three[] = "127.0.0.1+127.0.0.2:8080+127.0.0.3";

	(void)state;
	check_order("127.0.0.1", ".", "0", FAIL_NONE, "1 ");
	check_order("127.0.0.1", "4.", "0", FAIL_NONE, "1 1+ ");
	check_order("127.0.0.1", "44", "5", FAIL_SRV_NOT_FOUND, "1 1+ ");
	check_order("127.0.0.1", "d4", "5", FAIL_SRV_DENIED, "1 1+ ");
	check_order("127.0.0.1", "rr.", "2", FAIL_NONE, "1 1 1 ");
	check_order("127.0.0.1", "rrr", "2", FAIL_SRV_REFUSED, "1 1 1 ");
	check_order("127.0.0.1", "4r.", "1", FAIL_NONE, "1 1+ 1+ ");
	check_order("127.0.0.1", "m.", "9", FAIL_MEM_TOO_LITTLE, "1 ");
	check_order(three, "rr.", "0", FAIL_NONE, "1 2 3 ");
	check_order(three, "r44r.", "1", FAIL_NONE, "1 2 2+ 3 1 ");
	check_order(three, "r44rsr", "1", FAIL_SRV_SHORT, "1 2 2+ 3 1 3 ");
	check_order(three, "444444", "9", FAIL_SRV_NOT_FOUND, "1 1+ 2 2+ 3 3+ ");
	check_order(three, "c4.", "0", FAIL_NONE, "1 2 2+ ");
	check_order(three, "rbrbrr.", "2", FAIL_NONE, "1 2 3 2 1 3 2 ");
	check_order(three, "rbbbrr.", "2", FAIL_NONE, "1 2 3 3 1 2 3 ");
}

/* Is the folder that COMMANDS make a whole system, for a boot with that init=? */
static bool is_tree(const char *commands, const char *init)
{
	struct options o = { .init = init };
	bool is;
	int fd;

	scratch_run("rm -rf t; mkdir t");
	scratch_run(commands);
	fd = open("t", O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	is = found_is_tree(&o, fd);
	close(fd);
	return is;
}

static void test_whole_systems(void **state)
{
	char dir[32];

	(void)state;
	scratch_enter(dir);
	assert_true(is_tree("mkdir t/sbin; cp /bin/true t/sbin/init", NULL));
	assert_true(is_tree("mkdir -p t/usr/lib/systemd t/sbin; cp /bin/true t/usr/lib/systemd/systemd; "
			    "ln -s /usr/lib/systemd/systemd t/sbin/init",
			    NULL));
	assert_true(is_tree("mkdir -p t/opt; cp /bin/true t/opt/start", "/opt/start"));
	assert_false(is_tree("mkdir -p t/opt; cp /bin/true t/opt/start", NULL));
	assert_false(is_tree("mkdir -p t/sbin/init", NULL));
	assert_false(is_tree("mkdir t/sbin; : >t/sbin/init", NULL));
	/* a link is one of the tree's: this machine's own /sbin/init does not count */
	assert_false(is_tree("mkdir t/sbin; ln -s /bin/true t/sbin/init", NULL));
	scratch_leave(dir);
}

static void test_where_trees_are_looked_for(void **state)
{
	struct options o = { 0 };

	(void)state;
	assert_false(found_may_be_tree(&o)); /* a disk with a system on it is not meant by method:disk alone */
	o.value[KEY_DIRECTORY] = "/srv/root";
	assert_true(found_may_be_tree(&o));
	o.value[KEY_IMAGE] = "root.sqfs";
	assert_false(found_may_be_tree(&o));
	o = (struct options){ 0 };
	o.value[KEY_METHOD] = "disk";
	o.value[KEY_ROOT] = "overlay";
	assert_false(found_may_be_tree(&o));
	o.value[KEY_ROOT] = "disk+ro";
	assert_true(found_may_be_tree(&o));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_table),
		cmocka_unit_test(test_missing_keys),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_tree_folder),
		cmocka_unit_test(test_order_of_tries),
		cmocka_unit_test(test_whole_systems),
		cmocka_unit_test(test_where_trees_are_looked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
