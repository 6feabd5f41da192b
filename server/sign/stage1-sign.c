/* stage1-sign.c - images and keys -> key pairs, manifests, signatures, and whether they are right. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/failure.h"
#include "base/file.h"
#include "base/help.h"
#include "base/version.h"
#include "server/sign/measure.h"
#include "server/sign/secret.h"
#include "trust/signatures.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage_text[] =
	"usage: stage1-sign keys NAME                      a key pair: NAME.pub and NAME.sec\n"
	"       stage1-sign image -s SEC... [...] IMAGE    IMAGE.manifest, and IMAGE.manifest.sig by every SEC\n"
	"       stage1-sign manifest [...] IMAGE           IMAGE.manifest alone, to be signed by another program\n"
	"       stage1-sign sign -s SEC... FILE            FILE.sig\n"
	"       stage1-sign renew -s OLDSEC... -k NEWKEYS MANIFEST.sig\n"
	"                                                  tells nodes that know the old keys of the new ones\n"
	"       stage1-sign verify -k KEYS IMAGE           is IMAGE what its manifest says, and that signed?\n"
	"  -s SEC      a secret key of stage1-sign keys or signify-openbsd -G -n; may be repeated\n"
	"  -k KEYS     public keys of signify, minisign or ssh, one a line, and \"need N\"\n"
	"  -v VERSION  a number that only grows (the time in seconds)\n"
	"  -m MINIMUM  the oldest version that is still to be booted (0)\n"
	"  -n NAME     what nodes call the image (its file's name)\n"
	"  -w WORDS    what a node's kernel command line may have besides what is harmless: \"systemd.unit=* single\"\n"
	"  -c BYTES    of a chunk (as dolly would choose)\n"
	"Exit status: 0 done, and right; 1 not right; 2 the command line cannot be; 3 a file cannot be read or "
	"written.\n";

enum { EXIT_WRONG = 1, EXIT_USAGE = 2, EXIT_FILE = 3 };

/* What the command line asks for. */
struct request {
	struct secret *secrets;
	size_t secret_count;
	const char *keys, *name, *words, *file;
	int64_t version, minimum, chunk; /* -1: not given; chunk 0 */
};

/* Says what is wrong with FILE; returns STATUS. */
static int trouble(int status, const char *file, const char *fmt, ...) printf_like(3, 4);
static int trouble(int status, const char *file, const char *fmt, ...)
{
	cleanup_buf struct buf words = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&words, fmt, ap);
	va_end(ap);
	fprintf(stderr, "stage1-sign: %s: %s\n", file, buf_cstr(&words));
	return status;
}

/* ---- files */

static int read_file(const char *path, struct buf *out)
{
	int err = file_read(path, out);

	return err ? trouble(EXIT_FILE, path, "%s", err_text(err)) : 0;
}

/* Writes it by way of a temporary name beside it. */
static int write_file(const char *path, const struct buf *bytes, mode_t mode)
{
	cleanup_free char *temporary = str_printf("%s.new", path);
	cleanup_close int fd = -1;
	int err = temporary && !bytes->failed ? 0 : -ENOMEM;

	if (!err)
		fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (!err && (fd < 0 || write(fd, bytes->data, bytes->len) != (ssize_t)bytes->len || fsync(fd) ||
		     rename(temporary, path)))
		err = -errno;
	return err ? trouble(EXIT_FILE, path, "%s", err_text(err)) : 0;
}

static int write_beside(const char *file, const char *suffix, const struct buf *bytes)
{
	cleanup_free char *path = str_printf("%s%s", file, suffix);

	return path ? write_file(path, bytes, 0644) : EXIT_FILE;
}

/* ---- keys */

static int add_secret(struct request *r, const char *path)
{
	struct secret *more = realloc(r->secrets, (r->secret_count + 1) * sizeof(*more));
	cleanup_buf struct buf text = { 0 };
	int err;

	if (!more)
		return trouble(EXIT_FILE, path, "no memory");
	r->secrets = more;
	if (read_file(path, &text))
		return EXIT_FILE;
	err = secret_parse(&more[r->secret_count], buf_cstr(&text));
	if (text.data)
		explicit_bzero(text.data, text.len);
	if (err == -ENOKEY)
		return trouble(EXIT_USAGE, path,
			       "it has a passphrase; sign the manifest by signify-openbsd -S, which asks for it");
	if (err)
		return trouble(
			EXIT_USAGE, path,
			"no secret key of stage1-sign or signify-openbsd; sign the manifest by the program whose "
			"it is (minisign -S -l, ssh-keygen -Y sign -n stage1)");
	r->secret_count++;
	return 0;
}

static int make_keys(const struct request *r)
{
	cleanup_free char *secret_path = str_printf("%s.sec", r->file), *public_path = str_printf("%s.pub", r->file);
	cleanup_buf struct buf secret = { 0 }, public_key = { 0 };
	struct secret s;
	int err;

	if (!secret_path || !public_path || secret_make(&s))
		return trouble(EXIT_FILE, r->file, "this machine has no random numbers, or no memory");
	if (access(secret_path, F_OK) == 0)
		return trouble(EXIT_FILE, secret_path, "it is there already, and a key that is lost is lost for good");
	secret_put(&secret, &s);
	secret_put_public(&public_key, &s);
	secret_wipe(&s);
	err = write_file(secret_path, &secret, 0600);
	if (secret.data)
		explicit_bzero(secret.data, secret.len);
	return err ? err : write_file(public_path, &public_key, 0644);
}

/* ---- signatures */

/* Adds a signature of MESSAGE by every secret key. */
static int put_signatures(const struct request *r, const void *message, size_t len, struct buf *out)
{
	if (!r->secret_count)
		return trouble(EXIT_USAGE, r->file, "-s says with which key to sign it");
	for (size_t i = 0; i < r->secret_count; i++)
		if (secret_sign(&r->secrets[i], message, len, out))
			return trouble(EXIT_FILE, r->file, "no memory to sign it");
	return 0;
}

static int sign_file(const struct request *r)
{
	cleanup_buf struct buf text = { 0 }, signatures = { 0 };
	int err = read_file(r->file, &text);

	if (!err)
		err = put_signatures(r, buf_cstr(&text), text.len, &signatures);
	return err ? err : write_beside(r->file, ".sig", &signatures);
}

/* ---- manifests */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int measure(const struct request *r, struct manifest *m)
{
	cleanup_close int fd = open(r->file, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : measure_image(fd, m);

	return err ? trouble(EXIT_FILE, r->file, "%s", err_text(err)) : 0;
}

static int put_manifest(const struct request *r, struct buf *out)
{
	cleanup_buf struct buf why = { 0 };
	struct manifest m = {
		.name = (char *)(r->name ? r->name : base_name(r->file)),
		.version = r->version,
		.minimum = MAX(r->minimum, (int64_t)0),
		.chunk = (uint32_t)r->chunk,
		.words = (char *)r->words,
	};
	struct manifest read_back;
	int err;

	if (m.version < 0)
		return trouble(EXIT_USAGE, r->file, "-v says which version it is, a number that only grows");
	err = measure(r, &m);
	if (err)
		return err;
	manifest_put(out, &m);
	if (manifest_parse(&read_back, buf_cstr(out), out->len, &why))
		return trouble(EXIT_USAGE, r->file, "no node would take its manifest: %s", buf_cstr(&why));
	manifest_free(&read_back);
	return 0;
}

static int make_manifest(const struct request *r)
{
	cleanup_buf struct buf text = { 0 };
	int err = put_manifest(r, &text);

	return err ? err : write_beside(r->file, MANIFEST_SUFFIX, &text);
}

static int sign_image(const struct request *r)
{
	cleanup_buf struct buf text = { 0 }, signatures = { 0 };
	int err = r->secret_count ? put_manifest(r, &text) : 0;

	if (!err)
		err = put_signatures(r, buf_cstr(&text), text.len, &signatures);
	if (!err)
		err = write_beside(r->file, MANIFEST_SUFFIX, &text);
	return err ? err : write_beside(r->file, SIGNATURE_SUFFIX, &signatures);
}

static int read_keys(const char *path, struct buf *text, struct keyring *keys)
{
	cleanup_buf struct buf why = { 0 };
	int err = path ? read_file(path, text) : EXIT_USAGE;

	if (!path)
		fputs("stage1-sign: -k says whose signatures are good\n", stderr);
	if (!err && keyring_parse(keys, buf_cstr(text), text->len, &why))
		return trouble(EXIT_USAGE, path, "%s", buf_cstr(&why));
	return err;
}

/* The signatures that are there already, then the list of new keys, then the old keys' signatures of the list. */
static int renew(const struct request *r)
{
	cleanup_buf struct buf file = { 0 }, keys_text = { 0 }, list = { 0 };
	struct keyring keys = { 0 };
	struct signature_file parts;
	int err = read_file(r->file, &file);

	if (!err)
		err = read_keys(r->keys, &keys_text, &keys);
	keyring_free(&keys);
	if (err)
		return err;
	if (signature_file_split(&parts, buf_cstr(&file), file.len))
		return trouble(EXIT_USAGE, r->file, "the list of keys in it does not end");
	file.len = parts.len; /* an earlier list is replaced */
	buf_printf(&list, KEYS_BEGIN "\n%s%s" KEYS_END "\n", buf_cstr(&keys_text),
		   keys_text.len && keys_text.data[keys_text.len - 1] != '\n' ? "\n" : "");
	buf_add(&file, list.data, list.len);
	err = put_signatures(r, list.data, list.len, &file);
	return err ? err : write_file(r->file, &file, 0644);
}

/* ---- is it right? */

/* The manifest's signatures, by the keys or by those that they passed their trust to. */
static int check_signatures(const struct request *r, const struct buf *text, struct keyring *keys)
{
	cleanup_free char *path = str_printf("%s" SIGNATURE_SUFFIX, r->file);
	cleanup_buf struct buf file = { 0 }, why = { 0 }, not_renewed = { 0 };
	struct keyring renewed = { 0 };
	struct signature_file parts;
	int err = path ? read_file(path, &file) : EXIT_FILE;

	if (err)
		return err;
	if (signature_file_split(&parts, buf_cstr(&file), file.len))
		return trouble(EXIT_WRONG, path, "the list of keys in it does not end");
	err = signatures_check(keys, buf_cstr(text), text->len, parts.text, parts.len, &why);
	if (err && parts.list && keyring_renew(&renewed, keys, &parts, &not_renewed) == 0) {
		why.len = 0;
		err = signatures_check(&renewed, buf_cstr(text), text->len, parts.text, parts.len, &why);
	}
	keyring_free(&renewed);
	return err ? trouble(EXIT_WRONG, path, "%s", buf_cstr(&why)) : 0;
}

static int compare(const struct request *r, const struct manifest *want)
{
	struct manifest is = { .chunk = want->chunk };
	int err = measure(r, &is);

	if (err)
		return err;
	if (is.size != want->size)
		return trouble(EXIT_WRONG, r->file, "it has %lld bytes, signed is one of %lld", (long long)is.size,
			       (long long)want->size);
	if (memcmp(is.sha256, want->sha256, 32) || !hash_equal(&is.blake3, &want->blake3))
		return trouble(EXIT_WRONG, r->file, "its contents are not what was signed");
	printf("%s: version %lld of %s, as it was signed\n", r->file, (long long)want->version, want->name);
	return 0;
}

static int verify(const struct request *r)
{
	cleanup_free char *path = str_printf("%s" MANIFEST_SUFFIX, r->file);
	cleanup_buf struct buf text = { 0 }, keys_text = { 0 }, why = { 0 };
	struct keyring keys = { 0 };
	struct manifest m;
	int err = read_keys(r->keys, &keys_text, &keys);

	if (!err)
		err = path ? read_file(path, &text) : EXIT_FILE;
	if (!err)
		err = check_signatures(r, &text, &keys);
	if (!err && manifest_parse(&m, buf_cstr(&text), text.len, &why))
		err = trouble(EXIT_WRONG, path, "%s", buf_cstr(&why));
	else if (!err) {
		err = m.version < keys.minimum
			      ? trouble(EXIT_WRONG, path, "version %lld is older than the %lld that KEYS ask for",
					(long long)m.version, (long long)keys.minimum)
			      : compare(r, &m);
		manifest_free(&m);
	}
	keyring_free(&keys);
	return err;
}

/* ---- the command line */

static const struct command {
	const char *name;
	int (*run)(const struct request *r);
} commands[] = {
	{ "keys", make_keys }, { "image", sign_image }, { "manifest", make_manifest },
	{ "sign", sign_file }, { "renew", renew },      { "verify", verify },
};

static int usage(void)
{
	fputs(usage_text, stderr);
	return EXIT_USAGE;
}

static int take_option(struct request *r, int c, const char *value)
{
	int64_t *number = c == 'v' ? &r->version : c == 'm' ? &r->minimum : &r->chunk;

	switch (c) {
	case 's':
		return add_secret(r, value);
	case 'k':
		r->keys = value;
		return 0;
	case 'n':
		r->name = value;
		return 0;
	case 'w':
		r->words = value;
		return 0;
	case 'v':
	case 'm':
	case 'c':
		if (!parse_number(value, 0, c == 'c' ? 4 * MIB : INT64_MAX, number))
			return 0;
		return trouble(EXIT_USAGE, value, "-%c takes a number", c);
	default:
		return usage();
	}
}

static int run(struct request *r, int argc, char **argv)
{
	const struct command *command = NULL;
	int c, err = 0; /* an int: -1 does not fit a char everywhere */

	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++)
		if (streq(argv[1], commands[i].name))
			command = &commands[i];
	if (!command)
		return usage();
	argc--;
	argv++;
	while (!err && (c = getopt(argc, argv, "s:k:v:m:n:w:c:")) != -1)
		err = take_option(r, c, optarg);
	if (err)
		return err;
	if (optind != argc - 1)
		return usage();
	r->file = argv[optind];
	return command->run(r);
}

int main(int argc, char **argv)
{
	struct request r = { .version = -1, .minimum = -1 };
	int status;

	if (help_given(argc, argv, "stage1-sign", usage_text))
		return 0;
	status = run(&r, argc, argv);
	for (size_t i = 0; i < r.secret_count; i++)
		secret_wipe(&r.secrets[i]);
	free(r.secrets);
	return status;
}
