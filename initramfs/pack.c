/* pack.c - picked modules -> compressed files in a cache, linked where the archive finds them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initramfs/pack.h"
#include "image/decode.h"
#include "image/sha256.h"
#include "initramfs/elf.h"
#include "initramfs/file.h"

#include <lzma.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

/* Part of the cache's names: count it up when the same module is to be packed to other bytes. */
#define PACK_VERSION "5"
#define ZSTD_LEVEL   19

const char *pack_suffix(enum packing packing)
{
	static const char *const suffixes[] = { [PACK_SMALL] = ".xz", [PACK_FAST] = ".zst", [PACK_PLAIN] = "" };

	return suffixes[packing];
}

/* The dictionary is no larger than the module: libkmod's decoder allocates it for each. CRC32 is checked on loading. */
static int pack_xz(const void *data, size_t len, struct buf *out)
{
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	size_t bound = lzma_stream_buffer_bound(len), used = 0;
	uint32_t dictionary = LZMA_DICT_SIZE_MIN;

	if (lzma_lzma_preset(&options, 6))
		return -EINVAL;
	while (dictionary < len && dictionary < options.dict_size)
		dictionary *= 2;
	options.dict_size = dictionary;
	if (buf_reserve(out, bound))
		return -ENOMEM;
	if (lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, data, len, (uint8_t *)out->data + out->len,
				      &used, bound) != LZMA_OK)
		return -ENOMEM;
	out->len += used;
	return 0;
}

static int pack_zstd(const void *data, size_t len, struct buf *out)
{
	size_t used;

	if (buf_reserve(out, ZSTD_compressBound(len)))
		return -ENOMEM;
	used = ZSTD_compress(out->data + out->len, ZSTD_compressBound(len), data, len, ZSTD_LEVEL);
	if (ZSTD_isError(used))
		return -ENOMEM;
	out->len += used;
	return 0;
}

int pack_gzip(const void *data, size_t len, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len };
	size_t room;
	int end;

	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	room = deflateBound(&z, (uLong)len);
	if (buf_reserve(out, room)) {
		deflateEnd(&z);
		return -ENOMEM;
	}
	z.next_out = (Bytef *)out->data + out->len;
	z.avail_out = (uInt)room;
	end = deflate(&z, Z_FINISH);
	out->len += room - z.avail_out;
	deflateEnd(&z);
	return end == Z_STREAM_END ? 0 : -EINVAL;
}

int pack_bytes(enum packing packing, const void *data, size_t len, struct buf *out)
{
	switch (packing) {
	case PACK_SMALL:
		return pack_xz(data, len, out);
	case PACK_FAST:
		return pack_zstd(data, len, out);
	case PACK_PLAIN:
		return buf_add(out, data, len);
	}
	return -EINVAL;
}

/* Takes the compression off that a kernel package may have put on (.ko.xz, .ko.zst, .ko.gz): *IN becomes plain. */
static int unpack(struct buf *in)
{
	struct decoder d;
	cleanup_buf struct buf plain = { 0 };
	struct decode_io io = { .in = (uint8_t *)in->data, .in_len = in->len };
	int64_t size;
	int err;

	if (in->len >= 4 && memcmp(in->data, "\177ELF", 4) == 0)
		return 0;
	err = decoder_open(&d, image_recognise((uint8_t *)in->data, in->len, &size), -1, NULL);
	if (err)
		return err;
	do {
		err = buf_reserve(&plain, 1 << 20);
		io.out = (uint8_t *)plain.data + plain.len;
		io.out_len = 1 << 20;
		if (!err)
			err = decoder_run(&d, &io, NULL);
		plain.len = err ? 0 : (size_t)(io.out - (uint8_t *)plain.data);
	} while (!err && io.out_len == 0);
	if (!err)
		err = decoder_finish(&d, NULL);
	decoder_close(&d);
	if (!err) {
		struct buf swap = *in;

		*in = plain;
		plain = swap;
	}
	return err;
}

/* The cache's name for the module whose file has these BYTES. */
static char *cache_name(const struct packer *p, enum packing packing, const struct buf *bytes)
{
	struct sha256 sum;
	uint8_t raw[SHA256_SIZE];
	char text[2 * SHA256_SIZE + 1];

	sha256_begin(&sum);
	sha256_add(&sum, bytes->data, bytes->len);
	sha256_end(&sum, raw);
	sha256_format(text, raw);
	return str_printf("%s/%.40s-%s%s%s", p->cache, text, PACK_VERSION, p->as_signed ? "s" : "",
			  pack_suffix(packing));
}

/* Makes the cache's file at NAME of the module's BYTES. */
static int fill_cache(const struct packer *p, const struct module *m, struct buf *bytes, const char *name)
{
	cleanup_buf struct buf packed = { 0 };
	int err = unpack(bytes);

	if (!err && !p->as_signed)
		err = elf_slim(bytes);
	if (err == -ENOEXEC) {
		fprintf(stderr, "%s: no module as known here: packed as it is\n", m->file);
		err = 0;
	}
	if (!err)
		err = pack_bytes(m->packing, bytes->data, bytes->len, &packed);
	return err ? err : file_write(name, packed.data, packed.len);
}

/* The path of the packed module in the stage; owned by the caller. */
static char *staged_name(const struct packer *p, const struct module *m)
{
	return str_printf("%s/kernel/%s.ko%s", p->stage, m->path, pack_suffix(m->packing));
}

int stage_modules(const struct packer *p, const struct kernel_modules *t)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct module *m = &t->module[i];
		cleanup_free char *file = str_printf("%s/%s", t->dir, m->file ? m->file : "");
		cleanup_free char *link = staged_name(p, m);
		int err = file && link ? 0 : -ENOMEM;

		if (!err && m->picked)
			err = symlink_to(file, link);
		if (err) {
			fprintf(stderr, "%s: %s\n", file ? file : m->name, err_text(err));
			return err;
		}
	}
	return 0;
}

static int pack_module(const struct packer *p, const struct kernel_modules *t, const struct module *m)
{
	cleanup_buf struct buf bytes = { 0 };
	cleanup_free char *file = str_printf("%s/%s", t->dir, m->file);
	cleanup_free char *link = staged_name(p, m);
	cleanup_free char *cached = NULL;
	int err = file && link ? file_read(file, &bytes) : -ENOMEM;

	if (!err) {
		cached = cache_name(p, m->packing, &bytes);
		err = !cached ? -ENOMEM : access(cached, R_OK) == 0 ? 0 : fill_cache(p, m, &bytes, cached);
	}
	if (!err)
		err = link_to(cached, link);
	if (err)
		fprintf(stderr, "%s: cannot be packed: %s\n", file ? file : m->name, err_text(err));
	return err;
}

/* One of COUNT workers: every COUNTth picked module is its own. */
static int work(const struct packer *p, const struct kernel_modules *t, size_t number, size_t count)
{
	size_t turn = 0;

	for (size_t i = 0; i < t->count; i++) {
		int err = 0;

		if (t->module[i].picked && turn++ % count == number)
			err = pack_module(p, t, &t->module[i]);
		if (err)
			return err;
	}
	return 0;
}

int pack_modules(const struct packer *p, const struct kernel_modules *t)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t count = processors > 0 ? (size_t)processors : 1, started = 0;
	int err = make_folders(p->cache);

	fflush(NULL); /* what waits there would be written by each child */
	for (; started < count && !err; started++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(work(p, t, started, count) ? 1 : 0);
		if (pid < 0) {
			err = -errno;
			break;
		}
	}
	for (; started > 0; started--) {
		int status;

		if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
			err = err ? err : -EIO;
	}
	return err;
}
