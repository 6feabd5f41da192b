/* elf.c - a module's bytes -> the same module with less in it, and in an order that compresses better. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF: System V ABI, chapter 4; its AMD64 supplement, 4.4; what the kernel reads of it: kernel/module/main.c of Linux.
 * Every offset, size and number of the file is checked where it is read, or first used. */
#include "initramfs/elf.h"

#include <elf.h>

/* A section of the module and what becomes of it. */
struct section {
	Elf64_Shdr head;   /* as read, then as it is written */
	const char *name;  /* within the module */
	const char *bytes; /* what is written: within the module, or in OWN; NULL where the file holds nothing */
	char *own;         /* owned, or NULL */
	uint32_t number;   /* in the new module; 0: it is left out */
	uint32_t symbol;   /* the new symbol that stands for the section, 0: none */
	bool named;        /* a relocation is relative to the section itself */
};

struct symbol {
	Elf64_Sym sym;
	const char *name; /* within the module */
	uint32_t number;  /* in the new module; 0: it is left out */
	bool named;       /* a relocation names it */
};

struct elf {
	Elf64_Ehdr head;
	struct section *section; /* owned; the first is the empty one */
	size_t count;
	struct section *symtab, *strtab, *shstrtab;
	struct symbol *symbol; /* owned; the first is the empty one */
	size_t symbols;
	bool untraced; /* the calls of the function tracer become what the kernel makes of them */
};

/* ---- reading */

static const struct section *section_at(const struct elf *e, uint32_t index, uint32_t type)
{
	return index > 0 && index < e->count && e->section[index].head.sh_type == type ? &e->section[index] : NULL;
}

/* The string at OFFSET of a section that is known to end with NUL; NULL beyond its end. */
static const char *string_at(const struct section *strings, uint32_t offset)
{
	return offset < strings->head.sh_size ? strings->bytes + offset : NULL;
}

static bool is_terminated(const struct section *s)
{
	return s && s->head.sh_size && s->bytes[s->head.sh_size - 1] == '\0';
}

/* Types that are copied, dropped or rewritten; any other (groups, long indexes ...) would need its own care. */
static bool is_known(uint32_t type)
{
	return type == SHT_NULL || type == SHT_PROGBITS || type == SHT_NOBITS || type == SHT_NOTE || type == SHT_RELA ||
	       type == SHT_SYMTAB || type == SHT_STRTAB || type == SHT_INIT_ARRAY || type == SHT_FINI_ARRAY;
}

static bool is_module(const Elf64_Ehdr *h)
{
	return memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_ident[EI_CLASS] == ELFCLASS64 &&
	       h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_type == ET_REL && h->e_machine == EM_X86_64 &&
	       h->e_phnum == 0 && h->e_ehsize == sizeof(*h) && h->e_shentsize == sizeof(Elf64_Shdr) && h->e_shnum > 1;
}

static int read_sections(struct elf *e, const struct buf *in)
{
	if (in->len < sizeof(e->head))
		return -ENOEXEC;
	memcpy(&e->head, in->data, sizeof(e->head));
	if (!is_module(&e->head) || e->head.e_shoff > in->len ||
	    (in->len - e->head.e_shoff) / sizeof(Elf64_Shdr) < e->head.e_shnum)
		return -ENOEXEC;
	e->count = e->head.e_shnum;
	e->section = calloc(e->count, sizeof(*e->section));
	if (!e->section)
		return -ENOMEM;
	for (size_t i = 0; i < e->count; i++) {
		struct section *s = &e->section[i];
		Elf64_Shdr *h = &s->head;

		memcpy(h, in->data + e->head.e_shoff + i * sizeof(*h), sizeof(*h));
		if (!is_known(h->sh_type) || (h->sh_addralign & (h->sh_addralign - 1)) || h->sh_addralign > 4096 ||
		    (i == 0) != (h->sh_type == SHT_NULL))
			return -ENOEXEC;
		if (h->sh_type == SHT_NULL || h->sh_type == SHT_NOBITS)
			continue;
		if (h->sh_offset > in->len || h->sh_size > in->len - h->sh_offset)
			return -ENOEXEC;
		s->bytes = in->data + h->sh_offset;
	}
	return 0;
}

static int read_names(struct elf *e)
{
	const struct section *names = section_at(e, e->head.e_shstrndx, SHT_STRTAB);

	if (!is_terminated(names))
		return -ENOEXEC;
	e->shstrtab = &e->section[names - e->section];
	for (size_t i = 1; i < e->count; i++) {
		e->section[i].name = string_at(names, e->section[i].head.sh_name);
		if (!e->section[i].name)
			return -ENOEXEC;
	}
	return 0;
}

static int read_symbols(struct elf *e)
{
	const struct section *names;

	for (size_t i = 1; i < e->count; i++) {
		if (e->section[i].head.sh_type != SHT_SYMTAB)
			continue;
		if (e->symtab)
			return -ENOEXEC;
		e->symtab = &e->section[i];
	}
	if (!e->symtab || e->symtab->head.sh_size < sizeof(Elf64_Sym))
		return -ENOEXEC;
	names = section_at(e, e->symtab->head.sh_link, SHT_STRTAB);
	if (!is_terminated(names) || names == e->shstrtab)
		return -ENOEXEC;
	e->strtab = &e->section[names - e->section];
	e->symbols = e->symtab->head.sh_size / sizeof(Elf64_Sym);
	e->symbol = calloc(e->symbols, sizeof(*e->symbol));
	if (!e->symbol)
		return -ENOMEM;
	for (size_t i = 0; i < e->symbols; i++) {
		struct symbol *s = &e->symbol[i];

		memcpy(&s->sym, e->symtab->bytes + i * sizeof(s->sym), sizeof(s->sym));
		s->name = string_at(names, s->sym.st_name);
		if (!s->name || (s->sym.st_shndx >= e->count && s->sym.st_shndx != SHN_ABS))
			return -ENOEXEC;
	}
	return 0;
}

/* ---- the function tracer */

/* gcc's -mfentry: every function begins with a call, which the kernel turns into a NOP as it loads the module, and
 * notes in a list, by __mcount_loc. Here the call is a NOP already, and the list empty: tracing programs see no
 * functions of it. */
#define TRACE_CALL    0xe8
#define TRACE_CALL_AT 1 /* the relocation is so many bytes behind the call's first */
static const uint8_t trace_nop[5] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

static bool names_tracer(const struct elf *e, const Elf64_Rela *r)
{
	uint64_t number = ELF64_R_SYM(r->r_info);

	return number < e->symbols && e->symbol[number].sym.st_shndx == SHN_UNDEF &&
	       streq(e->symbol[number].name, "__fentry__");
}

static bool is_trace_call(const struct section *code, const Elf64_Rela *r)
{
	uint64_t type = ELF64_R_TYPE(r->r_info), size = code->head.sh_size;

	return (type == R_X86_64_PLT32 || type == R_X86_64_PC32) && r->r_addend == -4 && code->bytes &&
	       r->r_offset >= TRACE_CALL_AT && size >= 4 && r->r_offset <= size - 4 &&
	       (uint8_t)code->bytes[r->r_offset - TRACE_CALL_AT] == TRACE_CALL;
}

/* What a section of relocations is for; NULL where it is for none. */
static struct section *target_of(const struct elf *e, const struct section *s)
{
	struct section *target =
		s->head.sh_info > 0 && s->head.sh_info < e->count ? &e->section[s->head.sh_info] : NULL;

	return s->head.sh_type == SHT_RELA && target && target->head.sh_type != SHT_RELA ? target : NULL;
}

/* True when all that S says of the tracer are such calls. */
static bool only_calls_tracer(const struct elf *e, const struct section *s)
{
	const struct section *target = target_of(e, s);
	Elf64_Rela r;

	for (size_t at = 0; target && at + sizeof(r) <= s->head.sh_size; at += sizeof(r)) {
		memcpy(&r, s->bytes + at, sizeof(r));
		if (names_tracer(e, &r) && !is_trace_call(target, &r))
			return false;
	}
	return true;
}

static void look_for_tracer(struct elf *e)
{
	e->untraced = true;
	for (size_t i = 1; i < e->count; i++)
		if (!only_calls_tracer(e, &e->section[i]))
			e->untraced = false;
}

/* Makes the bytes of S its own, to be changed. */
static int own_bytes(struct section *s)
{
	if (s->own)
		return 0;
	s->own = malloc(s->head.sh_size + 1);
	if (!s->own)
		return -ENOMEM;
	memcpy(s->own, s->bytes, s->head.sh_size);
	s->bytes = s->own;
	return 0;
}

static int stop_tracing(struct section *code, const Elf64_Rela *r)
{
	int err = own_bytes(code);

	if (!err)
		memcpy(code->own + r->r_offset - TRACE_CALL_AT, trace_nop, sizeof(trace_nop));
	return err;
}

/* ---- choosing */

/* What the kernel would read but can do without, and what the compiler left over. The unwinder's tables (ORC) are
 * sorted at every loading, and large. Call sites are for retbleed=stuff, an option for one generation of processors:
 * without them it counts too few calls, and so stuffs more often than it has to. Places of lock prefixes serve to take
 * these off on a machine of one processor. x86 finds the entries of functions in __mcount_loc; the other list of them
 * is the by-product of an option of the compiler, and left out of the kernel itself, too. */
static bool is_spare(const struct elf *e, const char *name)
{
	static const char *const names[] = { ".call_sites", ".smp_locks", "__patchable_function_entries" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(name, names[i]))
			return true;
	return starts_with(name, ".orc_") || (e->untraced && streq(name, "__mcount_loc"));
}

/* What the kernel or the hardware has a use for. */
static bool is_wanted(const struct elf *e, const struct section *s)
{
	const struct section *target;

	if (s == e->symtab || s == e->strtab || s == e->shstrtab)
		return true;
	if (s->head.sh_type == SHT_RELA) {
		target = target_of(e, s);
		return target && is_wanted(e, target);
	}
	return (s->head.sh_flags & SHF_ALLOC) && s->head.sh_type != SHT_NOTE && !is_spare(e, s->name);
}

static int choose_sections(struct elf *e)
{
	uint32_t number = 1;

	for (size_t i = 1; i < e->count; i++)
		if (is_wanted(e, &e->section[i]))
			e->section[i].number = number++;
	e->head.e_shnum = (uint16_t)number;
	for (size_t i = 1; i < e->count; i++) {
		struct section *s = &e->section[i];

		if (!s->number || !(s->head.sh_flags & SHF_LINK_ORDER))
			continue;
		if (s->head.sh_link >= e->count || !e->section[s->head.sh_link].number)
			return -ENOEXEC;
		s->head.sh_link = e->section[s->head.sh_link].number;
	}
	return 0;
}

/* True for an entry of .modinfo that only depmod, the builder of an initramfs or people read. */
static bool is_for_people(const char *entry)
{
	static const char *const keys[] = { "alias=", "author=",   "description=", "firmware=",
					    "parm=",  "parmtype=", "srcversion=" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (starts_with(entry, keys[i]))
			return true;
	return false;
}

static int shorten_modinfo(struct section *s)
{
	size_t used = 0, size = s->head.sh_size;

	if (!is_terminated(s))
		return s->head.sh_size ? -ENOEXEC : 0;
	s->own = malloc(size);
	if (!s->own)
		return -ENOMEM;
	for (size_t at = 0, len; at < size; at += len) {
		len = strlen(s->bytes + at) + 1;
		if (len == 1 || is_for_people(s->bytes + at))
			continue;
		memcpy(s->own + used, s->bytes + at, len);
		used += len;
	}
	s->bytes = s->own;
	s->head.sh_size = used;
	return 0;
}

/* ---- relocations */

/* Looks at one relocation and marks what it names. A place in the module itself is said as its section and the
 * distance: that needs no symbol. Symbols keep their old numbers here; sections are numbered behind all of them. */
static int read_relocation(struct elf *e, Elf64_Rela *r)
{
	uint64_t number = ELF64_R_SYM(r->r_info);
	struct symbol *s = number < e->symbols ? &e->symbol[number] : NULL;
	struct section *home;

	if (!s)
		return -ENOEXEC;
	if (s->sym.st_shndx == SHN_UNDEF || s->sym.st_shndx >= e->count) {
		s->named = number != 0;
		return 0;
	}
	home = &e->section[s->sym.st_shndx];
	if (!home->number)
		return -ENOEXEC;
	home->named = true;
	r->r_addend = (int64_t)((uint64_t)r->r_addend + s->sym.st_value);
	r->r_info = ELF64_R_INFO((uint64_t)e->symbols + s->sym.st_shndx, ELF64_R_TYPE(r->r_info));
	return 0;
}

static int read_relocations(struct elf *e, struct section *s)
{
	size_t count = s->head.sh_size / sizeof(Elf64_Rela), kept = 0;
	Elf64_Rela *r;
	int err;

	if (s->head.sh_link != (uint32_t)(e->symtab - e->section) || s->head.sh_size % sizeof(*r) ||
	    (s->head.sh_flags & ~(uint64_t)SHF_INFO_LINK))
		return -ENOEXEC;
	err = own_bytes(s);
	r = (Elf64_Rela *)(void *)s->own;
	for (size_t i = 0; i < count && !err; i++) {
		if (e->untraced && names_tracer(e, &r[i])) {
			err = stop_tracing(target_of(e, s), &r[i]);
			continue;
		}
		r[kept] = r[i];
		err = read_relocation(e, &r[kept++]);
	}
	s->head.sh_size = kept * sizeof(*r);
	return err;
}

#define COMPARE(a, b)                                                                                                  \
	do {                                                                                                           \
		if ((a) != (b))                                                                                        \
			return (a) < (b) ? -1 : 1;                                                                     \
	} while (0)

/* x86 relocations do not depend on each other: neighbours that are alike compress best. */
static int by_kind(const void *a, const void *b)
{
	const Elf64_Rela *x = a, *y = b;

	COMPARE(ELF64_R_TYPE(x->r_info), ELF64_R_TYPE(y->r_info));
	COMPARE(ELF64_R_SYM(x->r_info), ELF64_R_SYM(y->r_info));
	COMPARE(x->r_addend, y->r_addend);
	COMPARE(x->r_offset, y->r_offset);
	return 0;
}

static void write_relocations(const struct elf *e, struct section *s)
{
	size_t count = s->head.sh_size / sizeof(Elf64_Rela);
	Elf64_Rela *r = (Elf64_Rela *)(void *)s->own;

	for (size_t i = 0; i < count; i++) {
		uint64_t old = ELF64_R_SYM(r[i].r_info);
		uint64_t number = old < e->symbols ? e->symbol[old].number : e->section[old - e->symbols].symbol;

		r[i].r_info = ELF64_R_INFO(number, ELF64_R_TYPE(r[i].r_info));
	}
	if (count)
		qsort(r, count, sizeof(*r), by_kind);
	s->head.sh_link = e->symtab->number;
	s->head.sh_info = e->section[s->head.sh_info].number;
}

/* ---- symbols */

/* What is imported counts for the kernel even where nothing names it; functions are for those who read a crash, the
 * padding before each (__pfx_) for nobody. */
static bool is_kept(const struct elf *e, const struct symbol *s)
{
	if (s->sym.st_shndx == SHN_UNDEF)
		return *s->name != '\0';
	if (s->sym.st_shndx == SHN_ABS)
		return s->named;
	return e->section[s->sym.st_shndx].number && ELF64_ST_TYPE(s->sym.st_info) == STT_FUNC &&
	       !starts_with(s->name, "__pfx_");
}

/* Adds one symbol; its number in the new table, 0: out of memory. */
static uint32_t add_symbol(struct buf *table, const Elf64_Sym *sym)
{
	uint32_t number = (uint32_t)(table->len / sizeof(*sym));

	return buf_add(table, sym, sizeof(*sym)) ? 0 : number;
}

/* As they lie in memory, then what is imported, by its name: neighbours have like names, and little between them. */
static int by_place(const void *a, const void *b)
{
	const struct symbol *x = *(struct symbol *const *)a, *y = *(struct symbol *const *)b;

	COMPARE(x->sym.st_shndx == SHN_UNDEF, y->sym.st_shndx == SHN_UNDEF);
	COMPARE(x->sym.st_shndx, y->sym.st_shndx);
	COMPARE(x->sym.st_value, y->sym.st_value);
	if (strcmp(x->name, y->name) != 0)
		return strcmp(x->name, y->name);
	COMPARE(x, y);
	return 0;
}

/* The symbols of ORDER that are local, or all others; their names go into NAMES. The kernel reads no sizes of
 * symbols. */
static void add_symbols(struct elf *e, struct symbol **order, bool local, struct buf *table, struct buf *names)
{
	for (size_t i = 1; i < e->symbols; i++) {
		struct symbol *s = order[i];

		if ((ELF64_ST_BIND(s->sym.st_info) == STB_LOCAL) != local || !is_kept(e, s))
			continue;
		s->sym.st_name = (uint32_t)names->len;
		s->sym.st_size = 0;
		if (s->sym.st_shndx < e->count)
			s->sym.st_shndx = (uint16_t)e->section[s->sym.st_shndx].number;
		s->number = add_symbol(table, &s->sym);
		buf_add(names, s->name, strlen(s->name) + 1);
	}
}

static int take(struct section *s, struct buf *b)
{
	size_t len = b->len;

	free(s->own);
	s->own = buf_take(b);
	s->bytes = s->own;
	s->head.sh_size = len;
	return s->own ? 0 : -ENOMEM;
}

static int write_symbols(struct elf *e)
{
	cleanup_buf struct buf table = { 0 }, names = { 0 };
	cleanup_free struct symbol **order = calloc(e->symbols, sizeof(struct symbol *));
	int err;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < e->symbols; i++)
		order[i] = &e->symbol[i];
	qsort(order + 1, e->symbols - 1, sizeof(struct symbol *), by_place);
	add_symbol(&table, &(Elf64_Sym){ 0 });
	buf_char(&names, '\0');
	for (size_t i = 1; i < e->count; i++) {
		struct section *s = &e->section[i];
		Elf64_Sym sym = { .st_info = ELF64_ST_INFO(STB_LOCAL, STT_SECTION), .st_shndx = (uint16_t)s->number };

		if (s->named)
			s->symbol = add_symbol(&table, &sym);
	}
	add_symbols(e, order, true, &table, &names);
	e->symtab->head.sh_info = (uint32_t)(table.len / sizeof(Elf64_Sym));
	add_symbols(e, order, false, &table, &names);
	e->symtab->head.sh_link = e->strtab->number;
	err = take(e->symtab, &table);
	return err ? err : take(e->strtab, &names);
}

/* ---- writing */

/* The names of the sections; ".rela.text" holds ".text", too. */
static int write_names(struct elf *e)
{
	cleanup_buf struct buf names = { 0 };

	buf_char(&names, '\0');
	for (int relocations = 1; relocations >= 0; relocations--) {
		for (size_t i = 1; i < e->count && !names.failed; i++) {
			struct section *s = &e->section[i];
			const char *found;

			if (!s->number || (s->head.sh_type == SHT_RELA) != relocations)
				continue;
			found = memmem(names.data, names.len, s->name, strlen(s->name) + 1);
			s->head.sh_name = (uint32_t)(found ? (size_t)(found - names.data) : names.len);
			if (!found)
				buf_add(&names, s->name, strlen(s->name) + 1);
		}
	}
	e->head.e_shstrndx = (uint16_t)e->shstrtab->number;
	return take(e->shstrtab, &names);
}

static void align(struct buf *out, uint64_t to)
{
	while (to > 1 && out->len % to && !buf_char(out, '\0'))
		;
}

/* Where in the file a section lies: like beside like compresses best, and symbols are as relocations are. */
static int place_of(const struct elf *e, const struct section *s)
{
	return s == e->strtab ? 0 : s == e->symtab ? 2 : s->head.sh_type == SHT_RELA ? 3 : 1;
}

/* The bytes of the sections that have this PLACE. */
static void write_sections(struct elf *e, int place, struct buf *out)
{
	for (size_t i = 1; i < e->count; i++) {
		struct section *s = &e->section[i];

		if (!s->number || place_of(e, s) != place)
			continue;
		align(out, s->head.sh_addralign);
		s->head.sh_offset = out->len;
		if (s->bytes)
			buf_add(out, s->bytes, s->head.sh_size);
	}
}

/* The header, the sections, the table of them. */
static int write_file(struct elf *e, struct buf *out)
{
	buf_add(out, &e->head, sizeof(e->head));
	for (int place = 0; place <= 3; place++)
		write_sections(e, place, out);
	align(out, 8);
	e->head.e_shoff = out->len;
	for (size_t i = 0; i < e->count; i++)
		if (i == 0 || e->section[i].number)
			buf_add(out, &e->section[i].head, sizeof(e->section[i].head));
	if (out->failed)
		return -ENOMEM;
	memcpy(out->data, &e->head, sizeof(e->head));
	return 0;
}

static int rewrite(struct elf *e, const struct buf *in, struct buf *out)
{
	int err = read_sections(e, in);

	if (!err)
		err = read_names(e);
	if (!err)
		err = read_symbols(e);
	if (!err)
		look_for_tracer(e);
	if (!err)
		err = choose_sections(e);
	for (size_t i = 1; i < e->count && !err; i++) {
		struct section *s = &e->section[i];

		if (s->number && s->head.sh_type == SHT_RELA)
			err = read_relocations(e, s);
		else if (s->number && s->bytes && streq(s->name, ".modinfo"))
			err = shorten_modinfo(s);
	}
	if (!err)
		err = write_symbols(e);
	for (size_t i = 1; i < e->count && !err; i++)
		if (e->section[i].number && e->section[i].head.sh_type == SHT_RELA)
			write_relocations(e, &e->section[i]);
	if (!err)
		err = write_names(e);
	return err ? err : write_file(e, out);
}

int elf_slim(struct buf *module)
{
	cleanup_buf struct buf out = { 0 };
	struct elf e = { 0 };
	int err = rewrite(&e, module, &out);

	if (!err) {
		struct buf swap = *module;

		*module = out;
		out = swap;
	}
	for (size_t i = 0; i < e.count && e.section; i++)
		free(e.section[i].own);
	free(e.section);
	free(e.symbol);
	return err;
}
