# Makefile - sources -> build/stage1, build/all.rdz, build/vmlinuz, build/bin/*, and their tests. `make help` lists the
# targets.
# SPDX-License-Identifier: GPL-2.0-or-later
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
# As many jobs as processors, unless -j says another number.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

# ---- choices; `make help` explains them
LIBC         ?= dietlibc
KERNEL       ?=
KERNEL_DIR   ?=
MODULES_LIST ?= modules.list
FIRMWARE_DIR ?=
CA_BUNDLE    ?=
SIGNED       ?=
VERIFY_KEYS  ?=
VERIFY_SHELL ?=
PREFIX       ?= /usr/local
DESTDIR      ?=
FUZZ_SECONDS ?= 60
TEST_JOBS    ?= 3
V            ?=

ifeq ($(filter $(LIBC),dietlibc musl),)
$(error LIBC=$(LIBC) is none I know: dietlibc or musl)
endif

# One short line a file; V=1 shows the commands.
Q   := $(if $(V),,@)
say  = @$(if $(V),:,printf '  %-5s %s\n' $(1))

# ---- the sources: every .c of a folder, and of the folders in it, belongs to that folder's part; one with main() is a
# program named after the file. What HOSTED has runs on the head node only, and links the distribution's libraries.
PARTS    := base options image trust net probe relay methods server clone stage1
HOSTED   := server/head
HOSTED_SRC := $(sort $(wildcard $(HOSTED)/*.c $(HOSTED)/*/*.c))
SOURCES  := $(filter-out $(HOSTED_SRC),$(foreach p,$(PARTS),$(sort $(wildcard $(p)/*.c $(p)/*/*.c))))
MAINS    := $(shell grep -lsw '^int main' $(SOURCES))
PART_SRC := $(filter-out $(MAINS),$(SOURCES))
PROGRAMS := $(notdir $(basename $(filter-out stage1/stage1.c,$(MAINS))))
HOSTED_MAINS := $(if $(HOSTED_SRC),$(shell grep -lsw '^int main' $(HOSTED_SRC)))
HOSTED_PROGRAMS := $(notdir $(basename $(HOSTED_MAINS)))

# No string-compare: it takes an inlined starts_with() of two constants for a mistake.
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wwrite-strings \
	-Wimplicit-fallthrough -Wformat=2 -Wundef -Wno-string-compare
STD  := -std=gnu11 -D_GNU_SOURCE -I.
# Where a host's compiler finds the headers of HOST_THIRD, and those of a libc its own.
HOST_STD := $(STD) -isystem build/third/host/include

# What `make` itself needs: compilers and libcs; the unpacking of source packages; the libraries of what runs here: the
# builder of all.rdz and that of the man pages. What tests, benches and the demo need besides is said in their files:
# tests/packages.
BUILD_PACKAGES := gcc libc6-dev linux-libc-dev binutils dietlibc-dev musl-tools dpkg-dev patch xz-utils kmod \
	libkmod-dev liblzma-dev libzstd-dev zlib1g-dev libbearssl-dev libpci-dev libmicrohttpd-dev libjansson-dev

.PHONY: all
all: build/stage1 build/all.rdz build/vmlinuz $(PROGRAMS:%=build/bin/%) $(HOSTED_PROGRAMS:%=build/bin/%)

.PHONY: need-build
need-build:
	@third/need "make" $(BUILD_PACKAGES)

# ---- libraries of others, from the distribution's source packages, compiled for the chosen libc
THIRD      := build/third/$(LIBC)
THIRD_LIBS := $(THIRD)/libkmod.a $(THIRD)/libpci.a $(THIRD)/libz.a $(THIRD)/liblzma.a $(THIRD)/libzstd.a \
	$(THIRD)/libbearssl.a $(THIRD)/libed25519.a

$(THIRD)/libkmod.a: $(THIRD)/liblzma.a $(THIRD)/libzstd.a
$(THIRD)/libkmod.a: third_name := kmod
$(THIRD)/libpci.a:  third_name := pciutils
$(THIRD)/libz.a:    third_name := zlib
$(THIRD)/liblzma.a: third_name := xz
$(THIRD)/libzstd.a: third_name := zstd
$(THIRD)/libbearssl.a: third_name := bearssl
$(THIRD)/libed25519.a: third_name := ed25519
$(THIRD_LIBS): third/build $(wildcard third/*/config.h) | need-build
	$(call say,THIRD $@)
	$(Q)third/build $(LIBC) $(third_name)

# The one of them that the distribution has no library of, for what runs here.
HOST_THIRD := build/third/host/libed25519.a
$(HOST_THIRD): third/build third/ed25519/config.h | need-build
	$(call say,THIRD $@)
	$(Q)third/build host ed25519

.PHONY: third
third: $(THIRD_LIBS)

# ---- our own programs: static, one C file compiled one way for each libc
ifeq ($(LIBC),musl)
CC      := musl-gcc -fno-pie -no-pie
DEFINES := -idirafter /usr/include -idirafter /usr/include/$(shell gcc -print-multiarch) # the kernel's headers only
LIBS    :=
else
CC      := diet -Os gcc
DEFINES := -D_LINUX_SOURCE -D_ATFILE_SOURCE -D_BSD_SOURCE
LIBS    := -lcompat
endif
CFLAGS  := -flto $(STD) $(DEFINES) $(WARN) -Oz -fno-jump-tables -ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables -ffile-prefix-map=$(CURDIR)=. -isystem $(THIRD)/include
# The linker speaks when it fails: dietlibc's words on the size of printf, which newer ones comment on, help nobody.
# common-page-size: the data begin in the file where the code ends, not at the next page of it: 2 KB less on average
# flto: what is called once stands where it is called: 10 KB less in stage1
LDFLAGS := -flto -flto-partition=one -Oz -static -s -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noseparate-code \
	-Wl,-z,norelro -Wno-maybe-uninitialized \
	-Wl,-z,max-page-size=0x1000 -Wl,-z,common-page-size=0x40 -Wl,--sort-section=alignment \
	-Wl,-T,third/link.ld
# stage1 alone: ours in the place of what drags locales, wide characters and floating point in (base/small.h)
SMALL   := vsnprintf snprintf sprintf asprintf vfprintf fprintf fnmatch qsort memmem strstr strtol strtoul \
	$(if $(filter musl,$(LIBC)),malloc calloc realloc free)
LIBS    := -L$(THIRD) -lkmod -lpci -lz -llzma -lzstd -led25519 -lbearssl $(LIBS)
OBJ     := $(PART_SRC:%.c=build/$(LIBC)/%.o)

# What is no file but changes every object: other flags make all of them anew, in a tree that was built before, too.
build/$(LIBC)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS) $(LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS) $(LDFLAGS)' >$@

build/$(LIBC)/%.o: %.c build/$(LIBC)/flags | $(THIRD_LIBS)
	@mkdir -p $(@D)
	$(call say,CC $@)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# BearSSL's structures lie within ours, and -isystem keeps its headers out of the .d files
$(patsubst %.c,build/$(LIBC)/%.o,$(wildcard methods/tls/*.c)): $(THIRD)/libbearssl.a

# What the linker puts in the place of others is named by nobody before it does.
build/$(LIBC)/base/small.o: CFLAGS += -fno-lto

build/$(LIBC)/parts.a: $(OBJ)
	@rm -f $@
	$(Q)gcc-ar rcsD $@ $^

define program =
build/$(LIBC)/bin/$(basename $(notdir $(1))): build/$(LIBC)/$(1:.c=.o) build/$(LIBC)/parts.a $(THIRD_LIBS)
	@mkdir -p $$(@D)
	$$(call say,LINK $$@)
	$(Q)$(CC) $(LDFLAGS) $(if $(filter stage1/stage1.c,$(1)),$(SMALL:%=-Wl,--wrap=%)) -o $$@ \
		$$(filter %.o,$$^) build/$(LIBC)/parts.a $(LIBS) >$$@.said 2>&1 || { cat $$@.said >&2; false; }
endef
$(foreach m,$(MAINS),$(eval $(call program,$(m))))

# build/stage1, build/all.rdz and build/bin hold what was built last: changed only when the bytes change, so that LIBC=
# may alternate.
.PHONY: FORCE
build/stage1 build/all.rdz $(PROGRAMS:%=build/bin/%): FORCE
build/stage1: build/$(LIBC)/bin/stage1
	@cmp -s $< $@ || { cp $< $@.new && mv $@.new $@; }
build/all.rdz: build/$(LIBC)/all.rdz
	@cmp -s $< $@ || { cp $< $@.new && mv $@.new $@; }
build/bin/%: build/$(LIBC)/bin/%
	@mkdir -p $(@D)
	@cmp -s $< $@ || { cp $< $@.new && mv $@.new $@; }

-include $(OBJ:.o=.d) $(MAINS:%.c=build/$(LIBC)/%.d)

# ---- all.rdz: stage1, the modules of modules.list and the shell's tools, packed by initramfs/mkrdz
HOST_SRC := $(filter base/% image/% trust/%,$(PART_SRC)) $(sort $(wildcard initramfs/*.c))
HOST_OBJ := $(HOST_SRC:%.c=build/host/%.o)

build/host/%.o: %.c | need-build $(HOST_THIRD)
	@mkdir -p $(@D)
	$(call say,HOST $<)
	$(Q)gcc $(HOST_STD) $(WARN) -O2 -MMD -MP -c -o $@ $<

build/mkrdz: $(HOST_OBJ) $(HOST_THIRD)
	$(call say,HOST $@)
	$(Q)gcc -o $@ $^ -lkmod -llzma -lzstd -lz -lbearssl

# What runs on the head node only: by the host's compiler, with its libraries.
HOSTED_OBJ := $(patsubst %.c,build/host/%.o,$(filter-out $(HOSTED_MAINS),$(HOSTED_SRC)) \
	$(filter base/% image/% trust/% options/% net/% relay/%,$(PART_SRC)))
HOSTED_LIBS := -lmicrohttpd -ljansson -lkmod -llzma -lzstd -lz $(HOST_THIRD) -lbearssl

# The files of the status page lie within this object.
$(foreach b,host unit fuzz,build/$(b)/server/head/status/page.o): $(wildcard server/head/status/page/*)

build/host/hosted.a: $(HOSTED_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

define hosted_program =
build/bin/$(basename $(notdir $(1))): build/host/$(1:.c=.o) build/host/hosted.a
	@mkdir -p $$(@D)
	$$(call say,HOST $$@)
	$(Q)gcc -o $$@ $$^ $(HOSTED_LIBS)
endef
$(foreach m,$(HOSTED_MAINS),$(eval $(call hosted_program,$(m))))

# The kernel is looked for anew when KERNEL= or KERNEL_DIR= changes; its files change only then.
.PHONY: kernel
kernel: | need-build
	@KERNEL='$(KERNEL)' KERNEL_DIR='$(KERNEL_DIR)' initramfs/kernel
build/kernel/version build/kernel/vmlinuz: kernel ;

build/vmlinuz: build/kernel/vmlinuz
	@cp $< $@

# ---- the rescue system: stage2 of ka, and what one mends a machine with; not small enough to be made each time
KIT := $(addprefix build/bin/,ka-d-server ka-d-client dolly send_status status_node \
	$(filter fdisk_to_desc clone-plan,$(PROGRAMS)))
RESCUE_KEYS ?=
SIGN_KEYS ?=
# Where the site has a secret key, an image of its own gets a manifest; the key may come later than the image.
sign = $(Q)SIGN_KEYS='$(SIGN_KEYS)' server/sign-image
.PHONY: rescue
rescue: build/rescue.sqfs build/bin/stage1-sign
	$(sign) $<
build/rescue.sqfs: server/rescue-image build/kernel/version $(KIT) $(filter-out %.c %.h,$(wildcard clone/*))
	@third/need "make rescue" $$(tests/packages server/rescue-image)
	$(call say,ROOT $@)
	$(Q)server/rescue-image $(if $(RESCUE_KEYS),-k '$(RESCUE_KEYS)') \
		-m "build/kernel/lib/modules/$$(cat build/kernel/version)" $@ $(KIT)

build/tools.unpacked: | need-build
	@rm -rf build/tools
	@files=$$(third/apt deb klibc-utils libklibc pci.ids) && \
		for f in $$files; do dpkg-deb -x "$$f" build/tools || exit 1; done
	@[ -e build/tools/lib ] || ln -s usr/lib build/tools/lib # since Debian 13
	@touch $@

# The authorities that method https trusts: those of the distribution, whose package is not installed for that.
build/ca-certificates.pem: | need-build
	@rm -rf build/ca-certificates
	@file=$$(third/apt deb ca-certificates) && dpkg-deb -x "$$file" build/ca-certificates
	@LC_ALL=C; export LC_ALL; cat build/ca-certificates/usr/share/ca-certificates/mozilla/*.crt >$@
BUNDLE := $(if $(CA_BUNDLE),$(filter-out none,$(CA_BUNDLE)),build/ca-certificates.pem)

# What is no file but changes all.rdz.
CHOICE := MODULES_LIST=$(MODULES_LIST) FIRMWARE_DIR=$(FIRMWARE_DIR) CA_BUNDLE=$(CA_BUNDLE) SIGNED=$(SIGNED) \
	VERIFY_KEYS=$(VERIFY_KEYS) VERIFY_SHELL=$(VERIFY_SHELL)
build/$(LIBC)/choice: FORCE
	@mkdir -p $(@D)
	@echo '$(CHOICE)' | cmp -s - $@ || echo '$(CHOICE)' >$@

# The programs that lie beside /init.
BESIDE := stage1-tls stage1-relay stage1-verify
build/$(LIBC)/all.rdz: build/$(LIBC)/bin/stage1 $(BESIDE:%=build/$(LIBC)/bin/%) build/mkrdz build/kernel/version \
		build/tools.unpacked build/$(LIBC)/choice $(MODULES_LIST) $(BUNDLE) $(VERIFY_KEYS)
	@[ -z '$(BUNDLE)' ] || grep -q -e '-----BEGIN CERTIFICATE-----' '$(BUNDLE)' || \
		{ echo 'CA_BUNDLE=$(BUNDLE) holds no certificate: it has to be a file of PEM' >&2; exit 1; }
	$(call say,RDZ $@)
	$(Q)build/mkrdz --modules "build/kernel/lib/modules/$$(cat build/kernel/version)" --list '$(MODULES_LIST)' \
		--init build/$(LIBC)/bin/stage1 $(BESIDE:%=--beside build/$(LIBC)/bin/%) --ca-bundle '$(BUNDLE)' \
		--tools build/tools --pci-ids build/tools/usr/share/misc/pci.ids \
		--firmware '$(FIRMWARE_DIR)' --work build/rdz --out $@ $(if $(SIGNED),--signed) \
		$(if $(VERIFY_KEYS),--keys $(VERIFY_KEYS) $(if $(VERIFY_SHELL),--shell))

$(MODULES_LIST):
	@echo 'MODULES_LIST=$@: there is no such file; modules.list is the usual one.' >&2; false

ifneq ($(filter-out none,$(CA_BUNDLE)),)
$(CA_BUNDLE):
	@echo 'CA_BUNDLE=$@: there is no such file; silent: the authorities of the distribution.' >&2; false
endif

ifneq ($(VERIFY_KEYS),)
$(VERIFY_KEYS):
	@echo 'VERIFY_KEYS=$@: there is no such file; stage1-sign keys makes one.' >&2; false
endif

-include $(HOST_OBJ:.o=.d) $(HOSTED_OBJ:.o=.d) $(HOSTED_MAINS:%.c=build/host/%.d)

# ---- unit tests: the same sources with the host's libc and the sanitizers, as a plain user
UNIT_CFLAGS := $(HOST_STD) $(WARN) -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_LIBS   := -lcmocka -lmicrohttpd -ljansson -lkmod -lpci -lz -llzma -lzstd $(HOST_THIRD) -lbearssl
UNIT_SRC    := $(PART_SRC) $(filter-out $(HOSTED_MAINS),$(HOSTED_SRC)) \
	$(filter-out initramfs/mkrdz.c,$(sort $(wildcard initramfs/*.c)))
UNIT_OBJ    := $(UNIT_SRC:%.c=build/unit/%.o)
UNIT_TESTS  := $(patsubst tests/unit/%.c,build/unit/%,$(sort $(wildcard tests/unit/test_*.c)))

.PHONY: need-test
need-test:
	@third/need "make unit" $(BUILD_PACKAGES) libcmocka-dev $$(tests/packages tests/unit/*.c)

build/unit/%.o: %.c | need-test $(HOST_THIRD)
	@mkdir -p $(@D)
	$(call say,TEST $@)
	$(Q)gcc $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

build/unit/parts.a: $(UNIT_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

build/unit/test_%: tests/unit/test_%.c build/unit/parts.a
	$(call say,TEST $@)
	$(Q)gcc $(UNIT_CFLAGS) -MMD -MP -MF $@.d -o $@ $< build/unit/parts.a $(UNIT_LIBS)

# Each says its words in one piece, however many run at a time.
UNIT_RUNS := $(UNIT_TESTS:build/unit/%=run-%)
.PHONY: unit $(UNIT_RUNS)
unit: $(UNIT_RUNS)
$(UNIT_RUNS): run-%: build/unit/%
	@tests/as-user ./$< >$<.said 2>&1 || { status=$$?; cat $<.said; exit $$status; }
	@echo "== $<"; cat $<.said

-include $(UNIT_OBJ:.o=.d) $(UNIT_TESTS:=.d)

# ---- fuzzing: every tests/fuzz/fuzz_X.c with clang's libFuzzer; all of them share FUZZ_SECONDS; what they found
# interesting stays in build/fuzz/corpus/X for the next time, an input that fails in build/fuzz/failed
FUZZERS     := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_CFLAGS := $(HOST_STD) -w -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all
FUZZ_OBJ    := $(UNIT_SRC:%.c=build/fuzz/%.o)

.PHONY: need-fuzz
need-fuzz: need-test
	@third/need "make fuzz" clang
	@third/need "make fuzz" libclang-rt-$$(clang -dumpversion | cut -d. -f1)-dev

build/fuzz/%.o: %.c | need-fuzz $(HOST_THIRD)
	@mkdir -p $(@D)
	$(call say,FUZZ $@)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

build/fuzz/parts.a: $(FUZZ_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c build/fuzz/parts.a
	$(call say,FUZZ $@)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -MMD -MP -MF $@.d -o $@ $< build/fuzz/parts.a \
		$(filter-out -lcmocka,$(UNIT_LIBS))

.PHONY: fuzz
fuzz: $(FUZZERS)
	@tests/fuzz/run $(FUZZ_SECONDS) $(FUZZERS)

-include $(FUZZ_OBJ:.o=.d) $(FUZZERS:=.d)

# ---- the same inputs once more, each once, by the objects of the unit tests: build/replay/fuzz_X
REPLAYS := $(FUZZERS:build/fuzz/%=build/replay/%)

build/replay/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c build/unit/parts.a
	@mkdir -p $(@D)
	$(call say,TEST $@)
	$(Q)gcc $(UNIT_CFLAGS) -MMD -MP -MF $@.d -o $@ $< tests/fuzz/replay.c build/unit/parts.a $(UNIT_LIBS)

.PHONY: replay
replay: $(REPLAYS)
	@tests/fuzz/replay $(REPLAYS)

-include $(REPLAYS:=.d)

# ---- the simulator: the relay's machines in one process under simulated time (doc/simulation.md); optimised, for it is
# the number of schedules that counts, and once more with the sanitizers
SECONDS      ?=
SEEDS        ?= 5000
NODES        ?= 32
SIM_FIRST    ?= 1
SIM_JOBS     ?= $(shell nproc)
SIM_SRC      := $(sort $(wildcard tests/sim/*.c)) $(filter base/% image/% trust/% relay/%,$(PART_SRC))
SIM_CFLAGS   := $(HOST_STD) $(WARN) -g -O2
SIM_WRAP     := rstore_write rstore_read rstore_read_old rstore_send rstore_close wire_random
SIM_LIBS     := $(SIM_WRAP:%=-Wl,--wrap=%) $(filter-out -lcmocka,$(UNIT_LIBS))
SIM_PROGRAM   = $(Q)gcc -o $@ $^ $(SIM_LIBS)

build/sim/%.o: %.c | need-test $(HOST_THIRD)
	@mkdir -p $(@D)
	$(call say,SIM $@)
	$(Q)gcc $(SIM_CFLAGS) -MMD -MP -c -o $@ $<

build/sim/sim: $(SIM_SRC:%.c=build/sim/%.o)
	$(SIM_PROGRAM)
build/sim/sim-checked: $(patsubst %.c,build/unit/%.o,$(SIM_SRC))
	$(SIM_PROGRAM) -fsanitize=address,undefined

# The named cases, then SEEDS schedules by chance, or as many as SECONDS allow.
.PHONY: sim
sim: build/sim/sim build/sim/sim-checked
	@build/sim/sim -k tests/sim/cases
	@build/sim/sim-checked -k tests/sim/cases
	@build/sim/sim-checked -f $(SIM_FIRST) -c $(if $(SECONDS),200,100) -n $(NODES) -j $(SIM_JOBS)
	@build/sim/sim -f $(SIM_FIRST) $(if $(SECONDS),-t $(SECONDS),-c $(SEEDS)) -n $(NODES) -j $(SIM_JOBS)

-include $(SIM_SRC:%.c=build/sim/%.d)

# ---- programs that tests run: tests/net/X.c -> build/tests/X (sanitizers), build/tests/X.$(LIBC) (as shipped)
TEST_PROGRAMS := $(patsubst tests/net/%.c,build/tests/%,$(sort $(wildcard tests/net/*.c)))

$(TEST_PROGRAMS): build/tests/%: tests/net/%.c build/unit/parts.a
	@mkdir -p $(@D)
	$(call say,TEST $@)
	$(Q)gcc $(UNIT_CFLAGS) -MMD -MP -MF $@.d -o $@ $< build/unit/parts.a $(UNIT_LIBS)

$(TEST_PROGRAMS:%=%.$(LIBC)): build/tests/%.$(LIBC): tests/net/%.c build/$(LIBC)/parts.a
	@mkdir -p $(@D)
	$(call say,TEST $@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< build/$(LIBC)/parts.a $(LIBS) >$@.said 2>&1 || { cat $@.said >&2; false; }

.PHONY: test-programs
test-programs: $(TEST_PROGRAMS) $(TEST_PROGRAMS:%=%.$(LIBC))

# ---- all tests: unit tests, the fuzzers' known inputs and the simulator first, then the network's with the programs as
# musl makes them, and a boot of its all.rdz, then every folder of tests/ with a test_*.py
TEST_FOLDERS := $(sort $(patsubst %/,%,$(dir $(wildcard tests/*/test_*.py))))
# One program for each row: its variable in the environment of the tests, and its file.
MUSL_PROGRAMS = STAGE1_FETCH=$(CURDIR)/build/musl/bin/stage1-fetch DOLLY=$(CURDIR)/build/musl/bin/dolly \
	$(foreach p,$(notdir $(TEST_PROGRAMS)),$(shell echo $(p) | tr a-z A-Z)=$(CURDIR)/build/tests/$(p).musl)

.PHONY: need-run
need-run: need-test
	@third/need "make test" python3 $$(tests/packages tests/*/test_*.py server/demo server/demo-image tests/bare)

# ---- what reads programs without running them. cppcheck knows neither GCC's cleanup attribute (memleak, resourceLeak),
# nor vectors and arrays that are filled in a loop (uninitvar), nor what Linux adds to lseek and mmap
# (invalidFunctionArg), nor a recv() that asks for a length only (nullPointer); readdir, strtok and getpwnam are for
# programs with one thread, `x = x` quiets gcc. shellcheck: words that are meant to be split (2046), variables that
# others set (2154, 1090), lists of one (2043), and folders whose parents are there (2174).
LINT_C  := memleak resourceLeak uninitvar invalidFunctionArg nullPointer readdirCalled strtokCalled getpwnamCalled \
	autoVariables selfAssignment internalAstError leakReturnValNotUsed invalidPrintfArgType_uint missingInclude
LINT_SH := SC2046,SC2154,SC1090,SC1091,SC2043,SC2174,SC2209
.PHONY: lint
lint:
	@third/need "make lint" cppcheck shellcheck
	$(Q)cppcheck -q -j $(shell nproc) --std=c11 -D_GNU_SOURCE -I. --library=posix \
		--enable=warning,portability,performance $(LINT_C:%=--suppress=%) --error-exitcode=1 $(PARTS) initramfs
	$(Q)shellcheck -S warning -e $(LINT_SH) $$(grep -lrE '^#!/bin/(sh|bash)' $(PARTS) initramfs tests third bench .ci)

# What to run before each commit, within minutes: all that needs no server and no second machine, and one boot.
.PHONY: check
check: need-run
	$(MAKE) all doc lint unit replay
	tests/run tests/docs
	tests/run tests/boot/test_pxe.py -k virtio

.PHONY: test test-full
test test-full: ALL := $(if $(filter test-full,$(MAKECMDGOALS)),--all)
test-full: FUZZ_SECONDS := 900
MUSL_TESTS := $(foreach t,dhcp http names,tests/net/test_$(t).py)
test test-full: need-run
	$(MAKE) all doc test-programs lint unit
	$(MAKE) $(if $(ALL),fuzz FUZZ_SECONDS=$(FUZZ_SECONDS),replay)
	$(MAKE) sim SECONDS='$(if $(ALL),$(or $(SECONDS),3600),$(SECONDS))' $(if $(ALL),SIM_FIRST=$$(date +%s)000000)
	$(MAKE) LIBC=musl musl-parts
	$(MUSL_PROGRAMS) tests/run $(ALL) -j $(TEST_JOBS) $(if $(ALL),tests/net,$(MUSL_TESTS))
	ALL_RDZ=$(CURDIR)/build/musl/all.rdz tests/run tests/boot/test_pxe.py -k virtio
	tests/run $(ALL) -j $(TEST_JOBS) $(TEST_FOLDERS)

# All that musl makes, without a change to build/stage1, build/all.rdz and build/bin.
.PHONY: musl-parts
musl-parts: build/musl/all.rdz $(PROGRAMS:%=build/musl/bin/%) $(TEST_PROGRAMS:%=%.musl)

# ---- the demonstration and the benchmarks: programs of their own, told by the environment
.PHONY: demo
demo: all build/demo/root.sqfs
	@third/need "make demo" python3 $$(tests/packages server/demo)
	$(sign) build/demo/root.sqfs
	@server/demo

build/demo/root.sqfs: server/demo-image $(wildcard server/image/*) | need-build
	@third/need "make demo" $$(tests/packages server/demo-image)
	@mkdir -p $(@D)
	$(call say,ROOT $@)
	$(Q)server/demo-image $@

.PHONY: bench
BENCHES := $(filter-out %-peers,$(foreach b,$(wildcard bench/*),$(if $(suffix $(b)),,$(b))))
bench: all
	@third/need "make bench" python3 $$(tests/packages $(BENCHES))
	@for b in $(BENCHES); do echo "== $$b"; $$b || exit 1; done

# ---- documentation, installation, cleaning
MAN_PAGES := $(patsubst doc/%.in,build/doc/%,$(wildcard doc/*.in)) \
	$(patsubst doc/%,build/doc/%,$(wildcard doc/*.1 doc/*.5 doc/*.7 doc/*.8))

build/tables: build/host/doc/tables.o build/host/parts.a
	$(Q)gcc -o $@ $^ -lkmod -lpci -llzma -lzstd -lz $(HOST_THIRD) -lbearssl

build/host/parts.a: $(PART_SRC:%.c=build/host/%.o)
	@rm -f $@
	$(Q)ar rcs $@ $^

-include $(PART_SRC:%.c=build/host/%.d) build/host/doc/tables.d

build/doc/%: doc/%.in build/tables
	@mkdir -p $(@D)
	$(Q)build/tables <$< >$@
build/doc/%: doc/%
	@mkdir -p $(@D)
	@cp $< $@

.PHONY: doc
doc: $(MAN_PAGES)

# Programs into bin, the head node's scripts into sbin, what nodes boot into lib/stage1, a rescue system's /ka into its
# ka. stage1-fetch lies where the programs are that it runs: beside it.
TO   = $(DESTDIR)$(PREFIX)
SBIN = $(filter-out server/demo% server/sign-image,$(shell find server -maxdepth 1 -type f -perm -u+x 2>/dev/null))
.PHONY: install
install: all doc
	install -d '$(TO)/bin' '$(TO)/sbin' '$(TO)/lib/stage1'
	install -m 755 $(addprefix build/bin/,$(filter-out stage1-fetch $(BESIDE),$(PROGRAMS)) $(HOSTED_PROGRAMS)) '$(TO)/bin'
	install -m 755 $(addprefix build/bin/,stage1-fetch $(BESIDE)) '$(TO)/lib/stage1'
	ln -sf ../lib/stage1/stage1-fetch '$(TO)/bin/stage1-fetch'
	$(if $(SBIN),install -m 755 $(SBIN) '$(TO)/sbin')
	install -D -m 644 -t '$(TO)/lib/systemd/system' $(wildcard server/*.service)
	sed -i 's,/usr/sbin,$(PREFIX)/sbin,' '$(TO)'/lib/systemd/system/*.service
	install -m 755 build/stage1 '$(TO)/lib/stage1'
	install -m 644 build/all.rdz build/vmlinuz modules.list '$(TO)/lib/stage1'
	install -D -m 755 -t '$(TO)/lib/stage1/server' server/demo-image server/sign-image
	install -D -m 755 -t '$(TO)/lib/stage1/server/image' $(wildcard server/image/*)
	install -D -m 755 -t '$(TO)/lib/stage1/third' third/apt
	install -D -m 644 -t '$(TO)/lib/stage1/stage2' $(wildcard server/stage2/*)
	install -D -m 755 -t '$(TO)/lib/stage1/ka' $(filter-out %.c %.h,$(wildcard clone/*)) \
		$(patsubst clone/%.c,build/bin/%,$(filter clone/%,$(MAINS)))
	for page in $(MAN_PAGES); do install -D -m 644 -t "$(TO)/share/man/man$${page##*.}" "$$page" || exit 1; done

# Packages of what install installs: stage1-netboot, stage1-server, stage1-clone, by the table packaging/packages.
.PHONY: deb rpm
deb rpm:
	@third/need "make $@" $$(tests/packages packaging/build)
	@rm -rf build/$@
	@mkdir -p build/$@
	$(Q)$(MAKE) -s install DESTDIR='$(CURDIR)/build/$@/staged' PREFIX=/usr
	$(Q)packaging/build $@ build/$@/staged build/$@

.PHONY: format
format: # every C file as .clang-format has it; tests/docs looks at that
	@third/need "make format" clang-format
	$(Q)find $(PARTS) initramfs doc tests -name '*.[ch]' | xargs clang-format -i

.PHONY: clean distclean update
clean: # all but what was downloaded
	@for f in build/* build/kernel/*; do \
		case $$f in build/apt | build/kernel | build/kernel/package) ;; *) rm -rf "$$f" ;; esac; done

distclean:
	rm -rf build

update: | need-build
	third/apt update
	rm -rf build/kernel/choice build/tools.unpacked build/ca-certificates.pem build/third/src

.PHONY: help
help:
	@sed -n 's/^#| \{0,1\}//p' Makefile
#| make             build/stage1, build/all.rdz, build/vmlinuz and the programs of the head node in build/bin/
#| make demo        a head node and machines that PXE-boot from it to a login, in QEMU
#|                    NODES=1 METHOD=http|dolly|ka RATE=100mbit (of each cable) NIC=e1000 MEM=512 FIRMWARE=bios|uefi
#|                    AUTO=1: by itself, with a page of figures
#| make rescue      build/rescue.sqfs: the rescue system, with the kit that clones machines; RESCUE_KEYS=FILE: ssh keys
#|                    that may log in as root
#| make lint        cppcheck and shellcheck
#| make check       what to run before each commit, within minutes: unit tests, known inputs of the fuzzers, the shape
#|                    of the tree, one boot
#| make test        everything: unit tests, the fuzzers' known inputs, the simulator, all tests in network namespaces
#|                    and QEMU, TEST_JOBS=3 files at a time
#| make test-full   the slow ones too, fuzzing for a quarter of an hour, the simulator for an hour
#| make unit fuzz   only these
#| make sim         the relay under simulated time: SEEDS=5000 schedules of up to NODES=32 machines, or SECONDS= long
#| make bench       the benchmark tables, with the peers' side of each
#| make install     under DESTDIR= and PREFIX=/usr/local
#| make deb rpm     packages of that, in build/deb/ and build/rpm/
#| make format      lay out every C file as .clang-format says
#| make doc         the man pages, in build/doc/
#| make update      fetch the distribution's package lists anew: the next make takes the newest kernel
#| make clean       remove what was built, keep what was downloaded; make distclean removes that too
#|
#| Choices for all of them:
#|   LIBC=dietlibc|musl     the C library of all programs
#|   KERNEL=6.1.0-56-amd64  a version of the distribution's kernel; silent: the newest
#|   KERNEL_DIR=DIR         a folder with boot/vmlinuz-VERSION and lib/modules/VERSION instead
#|   MODULES_LIST=FILE      which modules go into all.rdz, modules.list(5)
#|   FIRMWARE_DIR=DIR       a folder like /lib/firmware: what the modules ask for goes into all.rdz
#|   CA_BUNDLE=FILE|none    the authorities that method https trusts, in PEM; silent: those of the distribution's
#|                            package ca-certificates; none: only pin: works
#|   SIGNED=1               modules as the kernel package has them, for Secure Boot; all.rdz is 4 MB larger
#|   VERIFY_KEYS=FILE       public keys, one a line: nodes then boot only what is signed by them, doc/signing.md; there
#|                            is no shell in all.rdz then, but with VERIFY_SHELL=1
#|   SIGN_KEYS=FILE         secret keys that sign what rescue and demo make; silent: ~/.config/stage1/*.sec, else
#|                            /etc/stage1/*.sec, where there are any
#|   V=1                    show the commands
