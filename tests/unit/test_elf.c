/* test_elf.c - initramfs/elf.c: what a module loses and keeps; cut and lying files stay as they were. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "initramfs/elf.h"

#include <elf.h>

/* ---- a module of a few bytes */

enum {
	NONE,
	TEXT,
	RELOCATIONS,
	RODATA,
	MODINFO,
	ORC,
	ORC_RELOCATIONS,
	NOTE,
	COMMENT,
	CALLS,
	MCOUNT,
	SYMBOLS,
	STRINGS,
	NAMES,
	SECTIONS
};

static const char names[] =
	"\0.text\0.rela.text\0.rodata\0.modinfo\0.orc_unwind\0.rela.orc_unwind\0.note.Linux\0.comment\0"
	".call_sites\0__mcount_loc\0.symtab\0.strtab\0.shstrtab";
static const char strings[] = "\0module.c\0table\0helper\0printk\0start\0__mod_alias\0unused\0__fentry__\0"
			      "__pfx_helper";
static const char modinfo[] =
	"firmware=a.bin\0alias=pci:v0000*\0license=GPL\0\0parm=x:words\0alias\0author=Me\0name=small";

static uint32_t name_in(const char *list, size_t size, const char *name)
{
	const char *at = memmem(list, size, name, strlen(name) + 1);

	assert_non_null(at);
	return (uint32_t)(at - list);
}

static const Elf64_Sym symbols[] = {
	{ 0 },
	{ .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FILE), .st_shndx = SHN_ABS, .st_name = 1 },
	{ .st_info = ELF64_ST_INFO(STB_LOCAL, STT_OBJECT),
	  .st_shndx = RODATA,
	  .st_name = 10,
	  .st_value = 4,
	  .st_size = 4 },
	{ .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC), .st_shndx = TEXT, .st_name = 16, .st_value = 8, .st_size = 8 },
	{ .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), .st_name = 23 },
	{ .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = TEXT, .st_name = 30, .st_size = 8 },
	{ .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), .st_shndx = RODATA, .st_name = 36 },
	{ .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), .st_name = 48 },
	{ .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), .st_name = 55 },
	{ .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = TEXT, .st_name = 66, .st_value = 4 },
};

/* The code: a call of the tracer behind the words that the other relocations write. */
static const char code[] = "code............\xe8....end";
#define TRACED 16

static const Elf64_Rela relocations[] = {
	{ .r_offset = 12, .r_info = ELF64_R_INFO(4, R_X86_64_PLT32), .r_addend = -4 },         /* printk */
	{ .r_offset = 8, .r_info = ELF64_R_INFO(2, R_X86_64_PC32), .r_addend = -4 },           /* table */
	{ .r_offset = 4, .r_info = ELF64_R_INFO(3, R_X86_64_PC32), .r_addend = -4 },           /* helper */
	{ .r_offset = 0, .r_info = ELF64_R_INFO(4, R_X86_64_PLT32), .r_addend = -4 },          /* printk */
	{ .r_offset = TRACED + 1, .r_info = ELF64_R_INFO(8, R_X86_64_PLT32), .r_addend = -4 }, /* __fentry__ */
};

static const Elf64_Rela orc_relocations[] = { { .r_info = ELF64_R_INFO(3, R_X86_64_PC32) } };

static void add_section(struct buf *b, Elf64_Shdr *head, const char *name, uint32_t type, uint64_t flags,
			const void *data, size_t len)
{
	while (b->len % 8)
		buf_char(b, '\0');
	*head = (Elf64_Shdr){ .sh_name = name_in(names, sizeof(names), name),
			      .sh_type = type,
			      .sh_flags = flags,
			      .sh_offset = b->len,
			      .sh_size = len,
			      .sh_addralign = 8 };
	buf_add(b, data, len);
}

/* The module, followed by what stands for a signature. */
static void make_module(struct buf *b)
{
	static const char data[8] = "rodata";
	Elf64_Ehdr head = { .e_ident = ELFMAG,
			    .e_type = ET_REL,
			    .e_machine = EM_X86_64,
			    .e_version = 1,
			    .e_ehsize = sizeof(head),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = SECTIONS,
			    .e_shstrndx = NAMES };
	Elf64_Shdr s[SECTIONS] = { 0 };

	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	head.e_ident[EI_VERSION] = 1;
	buf_add(b, &head, sizeof(head));
	add_section(b, &s[TEXT], ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, code, sizeof(code));
	add_section(b, &s[RELOCATIONS], ".rela.text", SHT_RELA, SHF_INFO_LINK, relocations, sizeof(relocations));
	add_section(b, &s[RODATA], ".rodata", SHT_PROGBITS, SHF_ALLOC, data, sizeof(data));
	add_section(b, &s[MODINFO], ".modinfo", SHT_PROGBITS, SHF_ALLOC, modinfo, sizeof(modinfo));
	add_section(b, &s[ORC], ".orc_unwind", SHT_PROGBITS, SHF_ALLOC, data, sizeof(data));
	add_section(b, &s[ORC_RELOCATIONS], ".rela.orc_unwind", SHT_RELA, SHF_INFO_LINK, orc_relocations,
		    sizeof(orc_relocations));
	add_section(b, &s[NOTE], ".note.Linux", SHT_NOTE, SHF_ALLOC, data, sizeof(data));
	add_section(b, &s[COMMENT], ".comment", SHT_PROGBITS, 0, data, sizeof(data));
	add_section(b, &s[CALLS], ".call_sites", SHT_PROGBITS, SHF_ALLOC, data, sizeof(data));
	add_section(b, &s[MCOUNT], "__mcount_loc", SHT_PROGBITS, SHF_ALLOC, data, sizeof(data));
	add_section(b, &s[SYMBOLS], ".symtab", SHT_SYMTAB, 0, symbols, sizeof(symbols));
	add_section(b, &s[STRINGS], ".strtab", SHT_STRTAB, 0, strings, sizeof(strings));
	add_section(b, &s[NAMES], ".shstrtab", SHT_STRTAB, 0, names, sizeof(names));
	s[RELOCATIONS].sh_info = TEXT;
	s[ORC_RELOCATIONS].sh_info = ORC;
	s[RELOCATIONS].sh_link = s[ORC_RELOCATIONS].sh_link = SYMBOLS;
	s[SYMBOLS].sh_link = STRINGS;
	s[SYMBOLS].sh_info = 4;
	while (b->len % 8)
		buf_char(b, '\0');
	head.e_shoff = b->len;
	buf_add(b, s, sizeof(s));
	buf_str(b, "~Module signature appended~\n");
	assert_false(b->failed);
	memcpy(b->data, &head, sizeof(head));
}

/* ---- what became of it */

static Elf64_Shdr section_of(const struct buf *b, const char *name, uint32_t *number)
{
	Elf64_Ehdr head;
	Elf64_Shdr table, s;

	memcpy(&head, b->data, sizeof(head));
	memcpy(&table, b->data + head.e_shoff + head.e_shstrndx * sizeof(table), sizeof(table));
	for (uint32_t i = 1; i < head.e_shnum; i++) {
		memcpy(&s, b->data + head.e_shoff + i * sizeof(s), sizeof(s));
		assert_in_range(s.sh_offset + s.sh_size, 0, b->len);
		if (number)
			*number = i;
		if (streq(b->data + table.sh_offset + s.sh_name, name))
			return s;
	}
	return (Elf64_Shdr){ 0 };
}

static bool has_section(const struct buf *b, const char *name)
{
	return section_of(b, name, NULL).sh_type != SHT_NULL;
}

static Elf64_Sym symbol_of(const struct buf *b, size_t number, const char **name)
{
	Elf64_Shdr s = section_of(b, ".symtab", NULL), words = section_of(b, ".strtab", NULL);
	Elf64_Sym symbol;

	assert_true(number < s.sh_size / sizeof(symbol));
	memcpy(&symbol, b->data + s.sh_offset + number * sizeof(symbol), sizeof(symbol));
	*name = b->data + words.sh_offset + symbol.st_name;
	return symbol;
}

static void slim(struct buf *b)
{
	make_module(b);
	assert_int_equal(elf_slim(b), 0);
}

static void test_sections(void **state)
{
	static const char *const kept[] = { ".text",   ".rela.text", ".rodata",  ".modinfo",
					    ".symtab", ".strtab",    ".shstrtab" };
	cleanup_buf struct buf b = { 0 };
	Elf64_Ehdr head;
	(void)state;

	slim(&b);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		assert_true(has_section(&b, kept[i]));
	memcpy(&head, b.data, sizeof(head));
	/* no notes, comments, tables of unwinder and tracer */
	assert_int_equal(head.e_shnum, ARRAY_SIZE(kept) + 1);
	assert_int_equal(head.e_shoff + head.e_shnum * sizeof(Elf64_Shdr), b.len); /* and no signature */
	assert_memory_equal(b.data + section_of(&b, ".text", NULL).sh_offset, "code", 4);
	assert_string_equal(b.data + section_of(&b, ".rodata", NULL).sh_offset, "rodata");
}

static void test_words_for_people_go(void **state)
{
	static const char left[] = "license=GPL\0alias\0name=small";
	cleanup_buf struct buf b = { 0 };
	Elf64_Shdr s;
	(void)state;

	slim(&b);
	s = section_of(&b, ".modinfo", NULL);
	assert_int_equal(s.sh_size, sizeof(left));
	assert_memory_equal(b.data + s.sh_offset, left, sizeof(left));
}

static void test_functions_and_imports_keep_their_names(void **state)
{
	static const char *const left[] = { "", "", "", "helper", "start", "__fentry__", "printk", "unused" };
	cleanup_buf struct buf b = { 0 };
	Elf64_Shdr s;
	uint32_t text;
	(void)state;

	slim(&b);
	s = section_of(&b, ".symtab", NULL);
	assert_int_equal(s.sh_size / sizeof(Elf64_Sym), ARRAY_SIZE(left));
	assert_int_equal(s.sh_info, 4); /* the first that is not local */
	section_of(&b, ".text", &text);
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		const char *name;
		Elf64_Sym symbol = symbol_of(&b, i, &name);

		assert_string_equal(name, left[i]);
		if (streq(name, "helper")) {
			assert_int_equal(symbol.st_shndx, text);
			assert_int_equal(symbol.st_value, 8);
		}
	}
}

static void test_relocations_mean_the_same(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t type;
		const char *target; /* a section's name, or an imported one */
		int64_t addend;
	} wanted[] = {
		{ 4, R_X86_64_PC32, ".text", 8 - 4 },
		{ 8, R_X86_64_PC32, ".rodata", 4 - 4 },
		{ 0, R_X86_64_PLT32, "printk", -4 },
		{ 12, R_X86_64_PLT32, "printk", -4 },
	};
	cleanup_buf struct buf b = { 0 };
	Elf64_Shdr s;
	(void)state;

	slim(&b);
	s = section_of(&b, ".rela.text", NULL);
	assert_int_equal(s.sh_size, sizeof(wanted) / sizeof(wanted[0]) * sizeof(Elf64_Rela));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		Elf64_Rela r;
		Elf64_Sym symbol;
		const char *name;
		uint32_t home = 0;

		memcpy(&r, b.data + s.sh_offset + i * sizeof(r), sizeof(r));
		symbol = symbol_of(&b, ELF64_R_SYM(r.r_info), &name);
		assert_int_equal(r.r_offset, wanted[i].offset);
		assert_int_equal(ELF64_R_TYPE(r.r_info), wanted[i].type);
		assert_int_equal(r.r_addend, wanted[i].addend);
		if (*wanted[i].target == '.') {
			section_of(&b, wanted[i].target, &home);
			assert_int_equal(ELF64_ST_TYPE(symbol.st_info), STT_SECTION);
			assert_int_equal(symbol.st_value, 0);
		} else {
			assert_string_equal(name, wanted[i].target);
		}
		assert_int_equal(symbol.st_shndx, home);
	}
}

/* The module with one byte of its code, or of a relocation of the tracer, changed. */
static void slim_changed(struct buf *b, size_t code_at, char byte, int64_t addend)
{
	Elf64_Rela r = relocations[ARRAY_SIZE(relocations) - 1];
	Elf64_Shdr s;

	make_module(b);
	s = section_of(b, ".text", NULL);
	b->data[s.sh_offset + code_at] = byte;
	s = section_of(b, ".rela.text", NULL);
	r.r_addend = addend;
	memcpy(b->data + s.sh_offset + s.sh_size - sizeof(r), &r, sizeof(r));
	assert_int_equal(elf_slim(b), 0);
}

static void test_calls_of_the_tracer_are_nops(void **state)
{
	cleanup_buf struct buf b = { 0 };
	Elf64_Shdr s;
	(void)state;

	slim(&b);
	s = section_of(&b, ".text", NULL);
	assert_memory_equal(b.data + s.sh_offset,
			    "code............\x0f\x1f\x44\x00\x00"
			    "end",
			    sizeof(code));
	assert_false(has_section(&b, "__mcount_loc"));
}

static void test_what_is_no_call_of_the_tracer_stays(void **state)
{
	static const struct {
		char byte;
		int64_t addend;
	} rows[] = { { '\xe9', -4 }, { '\xe8', 0 } };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf b = { 0 };
		Elf64_Shdr s;

		slim_changed(&b, TRACED, rows[i].byte, rows[i].addend);
		s = section_of(&b, ".text", NULL);
		assert_int_equal(b.data[s.sh_offset + TRACED], rows[i].byte);
		assert_int_equal(section_of(&b, ".rela.text", NULL).sh_size, sizeof(relocations));
		assert_true(has_section(&b, "__mcount_loc"));
	}
}

static void test_twice_is_once(void **state)
{
	cleanup_buf struct buf once = { 0 }, twice = { 0 };
	(void)state;

	slim(&once);
	buf_add(&twice, once.data, once.len);
	assert_int_equal(elf_slim(&twice), 0);
	assert_int_equal(once.len, twice.len);
	assert_memory_equal(once.data, twice.data, once.len);
}

/* ---- what is no module */

/* Tries BYTES in memory of just their size, so that reading beyond is seen: made smaller, or left as they were. */
static int try(const char *bytes, size_t len)
{
	struct buf b = { .data = malloc(len + 1), .len = len, .cap = len + 1 };
	int err;

	assert_non_null(b.data);
	memcpy(b.data, bytes, len);
	b.data = realloc(b.data, len ? len : 1);
	err = elf_slim(&b);
	if (err) {
		assert_int_equal(err, -ENOEXEC);
		assert_int_equal(b.len, len);
		assert_memory_equal(b.data, bytes, len);
	}
	buf_free(&b);
	return err;
}

static void test_cut_files(void **state)
{
	cleanup_buf struct buf b = { 0 };
	const size_t signature = sizeof("~Module signature appended~\n") - 1;
	(void)state;

	make_module(&b);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(try(b.data, len), len < b.len - signature ? -ENOEXEC : 0);
}

/* Every byte that says something about the file, with other values: whatever it claims, nothing beyond is touched. */
static void test_lying_files(void **state)
{
	static const unsigned char lies[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	cleanup_buf struct buf b = { 0 };
	(void)state;

	make_module(&b);
	for (size_t at = 0; at < b.len; at++) {
		char truth = b.data[at];

		for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
			b.data[at] = (char)lies[i];
			try(b.data, b.len);
		}
		b.data[at] = truth;
	}
}

/* What is an object, but not of the kind known here. */
static void test_other_objects(void **state)
{
	static const struct {
		size_t offset;
		char value;
	} rows[] = {
		{ EI_CLASS, ELFCLASS32 },
		{ EI_DATA, ELFDATA2MSB },
		{ offsetof(Elf64_Ehdr, e_type), ET_DYN },
		{ offsetof(Elf64_Ehdr, e_machine), EM_386 },
		{ offsetof(Elf64_Ehdr, e_phnum), 1 },
		{ offsetof(Elf64_Ehdr, e_shstrndx), TEXT },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buf struct buf b = { 0 };

		make_module(&b);
		b.data[rows[i].offset] = rows[i].value;
		assert_int_equal(try(b.data, b.len), -ENOEXEC);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_words_for_people_go),
		cmocka_unit_test(test_functions_and_imports_keep_their_names),
		cmocka_unit_test(test_relocations_mean_the_same),
		cmocka_unit_test(test_calls_of_the_tracer_are_nops),
		cmocka_unit_test(test_what_is_no_call_of_the_tracer_stays),
		cmocka_unit_test(test_twice_is_once),
		cmocka_unit_test(test_cut_files),
		cmocka_unit_test(test_lying_files),
		cmocka_unit_test(test_other_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
