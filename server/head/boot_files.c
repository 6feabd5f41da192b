/* boot_files.c - a site, its nodes -> the files that machines load: boot loaders, their settings, kernel, initramfs. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packages: pxelinux syslinux-common shim-signed grub-efi-amd64-signed grub-efi-amd64-bin grub-efi-ia32-bin */
#include "server/head/boot_files.h"

#include "net/address.h"
#include "server/head/boot_words.h"
#include "server/head/files.h"
#include "server/head/run.h"
#include "server/head/say.h"

#include <dirent.h>
#include <unistd.h>

const struct loader_file loader_files[] = {
	{ "/usr/lib/PXELINUX/pxelinux.0", "pxelinux.0", "pxelinux" },
	{ "/usr/lib/syslinux/modules/bios/ldlinux.c32", "ldlinux.c32", "syslinux-common" },
	{ "/usr/lib/shim/shimx64.efi.signed", "shimx64.efi", "shim-signed" },
	{ "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed", "grubx64.efi", "grub-efi-amd64-signed" },
	{ "/usr/lib/shim/mmx64.efi.signed", "mmx64.efi", "shim-signed" },
	{ 0 },
};

static const char *const folders[] = {
	"",           "/tftp",  "/tftp/pxelinux.cfg", "/tftp/grub", "/tftp/grub/node",
	"/tftp/ipxe", "/www",   "/www/ipxe",          "/images",    "/run",
	"/log",       "/nginx",
};

/* What the web server has of the other tree. */
static const char *const shared[] = { "vmlinuz", "all.rdz", "plainx64.efi", "plainia32.efi" };

int boot_folders(const struct site *site, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		cleanup_free char *path = str_printf("%s%s", site->state, folders[i]);
		int err = path ? folder_make(path) : -ENOMEM;

		if (err) {
			buf_printf(why, "%s: %s", path ? path : "", strerror(-err));
			return err;
		}
	}
	return 0;
}

/* The file FROM as tftp/TO. */
static int place(const struct site *site, const char *from, const char *to, struct buf *why)
{
	cleanup_free char *path = str_printf("%s/tftp/%s", site->state, to);
	int err = path ? file_copy(from, path) : -ENOMEM;

	if (err)
		buf_printf(why, "%s: %s", from, strerror(-err));
	return err;
}

static int place_boot(const struct site *site, const char *name, struct buf *why)
{
	cleanup_free char *from = str_printf("%s/%s", site->files, name);

	return from ? place(site, from, name, why) : -ENOMEM;
}

static int share(const struct site *site, struct buf *why)
{
	cleanup_free char *images = site_path(site, "www/images"), *loader = site_path(site, "www/loader");
	int err = images && loader ? file_link("../images", images) : -ENOMEM;

	err = err ? err : file_link("../tftp/ipxe", loader);
	for (size_t i = 0; i < ARRAY_SIZE(shared) && !err; i++) {
		cleanup_free char *from = str_printf("../tftp/%s", shared[i]);
		cleanup_free char *to = str_printf("%s/www/%s", site->state, shared[i]);

		err = from && to ? file_link(from, to) : -ENOMEM;
	}
	if (err)
		buf_printf(why, "%s/www: %s", site->state, strerror(-err));
	return err;
}

/* ---- a GRUB that finds its way back without what the firmware was told */

/* What it does first. Where the firmware got its address from another server than the boot file, GRUB has the address
 * only; by HTTP boot not even that. */
static int plain_first(const struct site *site, const char *path)
{
	cleanup_buf struct buf text = { 0 };
	char address[ADDRESS_TEXT_SIZE];

	address_text(site->address, address);
	buf_printf(&text,
		   "if [ -z \"$net_default_mac\" ]; then net_bootp; fi\n"
		   "set root=tftp,%s\nset prefix=(tftp,%s)/grub\nconfigfile (tftp,%s)/grub/grub.cfg\n",
		   address, address, address);
	return file_put(path, &text);
}

/* Makes tftp/NAME for GRUB's PLATFORM where this machine has that platform's modules. True when it is there. */
static bool make_plain(const struct site *site, const char *platform, const char *name)
{
	cleanup_free char *modules = str_printf("/usr/lib/grub/%s/kernel.img", platform);
	cleanup_free char *out = str_printf("%s/tftp/%s", site->state, name);
	cleanup_free char *first = str_printf("%s/run/plain.cfg", site->state);
	cleanup_free char *log = str_printf("%s/log/grub-mkimage.log", site->state);
	const char *const argv[] = { "grub-mkimage", "-O",     platform, "-o",        out,          "-p",
				     "/grub",        "-c",     first,    "normal",    "configfile", "linux",
				     "net",          "efinet", "tftp",   "http",      "test",       "echo",
				     "minicmd",      "regexp", "sleep",  "all_video", "gzio",       NULL };
	int changed;

	if (!modules || !out || !first || !log || !file_is(modules))
		return false;
	changed = plain_first(site, first);
	if (changed < 0 || (changed == 0 && file_is(out)))
		return changed == 0;
	return run_program(argv, log) == 0;
}

/* The shim that a site dropped into tftp/ipxe: as iPXE's releases name it. */
static bool find_ipxe(const struct site *site, char *name, size_t size)
{
	static const char *const names[] = { "snponly-shim.efi", "ipxe-shim.efi", "shimx64.efi", "ipxe-shimx64.efi" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_free char *path = str_printf("%s/tftp/ipxe/%s", site->state, names[i]);

		if (path && file_is(path))
			return str_copy(name, size, names[i]) == 0;
	}
	return false;
}

static int place_loaders(const struct site *site, struct buf *why)
{
	int err = 0;

	for (const struct loader_file *f = loader_files; f->from && !err; f++)
		if (file_is(f->from))
			err = place(site, f->from, f->to, why);
	return err;
}

static bool there(const struct site *site, const char *name)
{
	cleanup_free char *path = str_printf("%s/tftp/%s", site->state, name);

	return path && file_is(path);
}

int boot_loaders(const struct site *site, struct loaders *have, struct buf *why)
{
	int err = place_boot(site, "vmlinuz", why);

	err = err ? err : place_boot(site, "all.rdz", why);
	err = err ? err : place_loaders(site, why);
	err = err ? err : share(site, why);
	*have = (struct loaders){
		.pxelinux = there(site, "pxelinux.0") && there(site, "ldlinux.c32"),
		.shim = there(site, "shimx64.efi") && there(site, "grubx64.efi"),
		.plain = !err && make_plain(site, "x86_64-efi", "plainx64.efi"),
		.plain32 = !err && make_plain(site, "i386-efi", "plainia32.efi"),
	};
	have->ipxe = find_ipxe(site, have->ipxe_name, sizeof(have->ipxe_name));
	return err;
}

/* ---- settings */

typedef void writer_fn(const struct site *site, const char *image, const struct node_entry *node, struct buf *out);

static int put(const struct site *site, const char *name, writer_fn *write, const char *image,
	       const struct node_entry *node, struct buf *why)
{
	cleanup_free char *path = site_path(site, name);
	cleanup_buf struct buf text = { 0 };
	int changed;

	write(site, image, node, &text);
	changed = path ? file_put(path, &text) : -ENOMEM;
	if (changed < 0)
		buf_printf(why, "%s: %s", name, strerror(-changed));
	return MIN(changed, 0);
}

/* The three files of one machine. */
static int put_machine(const struct site *site, const char *image, const uint8_t mac[MAC_LEN],
		       const struct node_entry *node, struct buf *why)
{
	cleanup_buf struct buf hyphens = { 0 };
	char *names[3];
	static writer_fn *const write[3] = { boot_pxelinux, boot_grub_entry, boot_ipxe_entry };
	char colons[MAC_TEXT_SIZE];
	int err = 0;

	boot_pxelinux_name(mac, &hyphens);
	names[0] = str_printf("tftp/pxelinux.cfg/%s", buf_cstr(&hyphens));
	names[1] = str_printf("tftp/grub/node/%s.cfg", mac_text(mac, colons));
	names[2] = str_printf("www/ipxe/%s.ipxe", buf_cstr(&hyphens) + 3);
	for (size_t i = 0; i < ARRAY_SIZE(names) && !err; i++)
		err = names[i] ? put(site, names[i], write[i], image, node, why) : -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		free(names[i]);
	return err;
}

static int put_all(const struct site *site, const char *image, const struct nodes *nodes, const struct seen *seen,
		   struct buf *why)
{
	uint8_t mac[MAC_LEN];
	struct node_entry node;
	int err = 0;

	for (size_t i = 0; i < nodes->count && !err; i++)
		if (node_is_one(nodes->node[i].pattern, mac) && nodes_find(nodes, mac, &node))
			err = put_machine(site, image, mac, &node, why);
	for (size_t i = 0; i < seen->count && !err; i++)
		if (nodes_find(nodes, seen->machine[i].mac, &node))
			err = put_machine(site, image, seen->machine[i].mac, &node, why);
	return err;
}

/* True when the file of the card whose address stands at TEXT, with '-' or ':' in it, has a row. */
static bool still_wanted(const struct nodes *nodes, const char *text)
{
	char copy[MAC_TEXT_SIZE];
	uint8_t mac[MAC_LEN];
	struct node_entry node;

	if (strlen(text) < sizeof(copy) - 1)
		return true;
	memcpy(copy, text, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = '\0';
	for (char *p = copy; *p; p++)
		*p = *p == '-' ? ':' : *p;
	return !node_is_one(copy, mac) || nodes_find(nodes, mac, &node);
}

/* Takes away the files of machines that no row is about any more. SKIP: how much stands before the address. */
static void sweep(const struct site *site, const char *folder, size_t skip, const struct nodes *nodes)
{
	cleanup_free char *path = site_path(site, folder);
	DIR *dir = path ? opendir(path) : NULL;
	const struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (strlen(e->d_name) > skip && !still_wanted(nodes, e->d_name + skip))
			unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
}

int boot_settings(const struct site *site, const char *image, const struct nodes *nodes, const struct seen *seen,
		  struct buf *why)
{
	const struct node_entry *all = nodes_row(nodes, "*");
	int err = put(site, "tftp/pxelinux.cfg/default", boot_pxelinux, image, all, why);

	err = err ? err : put(site, "tftp/grub/grub.cfg", boot_grub, image, all, why);
	err = err ? err : put(site, "www/boot.ipxe", boot_ipxe, image, all, why);
	err = err ? err : put(site, "tftp/autoexec.ipxe", boot_ipxe, image, all, why);
	err = err ? err : put(site, "tftp/ipxe/autoexec.ipxe", boot_ipxe, image, all, why);
	err = err ? err : put_all(site, image, nodes, seen, why);
	sweep(site, "tftp/pxelinux.cfg", 3, nodes);
	sweep(site, "tftp/grub/node", 0, nodes);
	sweep(site, "www/ipxe", 0, nodes);
	return err;
}
