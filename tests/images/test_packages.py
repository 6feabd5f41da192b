"""test_packages - `make deb`, `make rpm` -> packages that lintian has nothing to say of, the same bytes twice, used and
removed in a fresh root.

Needs root, and what `make all` builds.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: lintian rpm dpkg-dev
import re
import subprocess

import maker

TOP = maker.TOP
NAMES = ["stage1-clone", "stage1-netboot", "stage1-server"]

# In the bare root: what there is before and after; each package is used in between.
TRACE = "find / -xdev " + " ".join(f"-not -path '/{place}*'" for place in (
    "proc/", "out", "var/", "src", "root/", "tmp/", "dev/", "sys/", "run/netns", "etc/ld.so.cache")) + " | sort"
USE = r"""head-node --help | grep -c serve
prepare_diskless_image --version
ka-d-client --version
test -s /usr/lib/stage1/all.rdz && test -s /usr/lib/stage1/vmlinuz
for page in dolly stage1-fetch prepare_diskless_image nightly build-chroot status_node; do
	MANPAGER=cat man $page | grep -q "^NAME" || { echo "no page of $page"; exit 1; }
done
cd /tmp
head -c 3000000 /dev/urandom >image
printf 'infile /tmp/image\noutfile /dev/null\nserver head\nfirstclient 10.0.1.31\nlastclient 10.0.1.31\nclients 1
10.0.1.31\nendconfig\n' >dolly.cfg
ip netns add head
ip netns add node
ip link add eth0 netns head type veth peer name eth0 netns node
ip -n head address add 10.0.1.20/24 dev eth0
ip -n node address add 10.0.1.31/24 dev eth0
ip -n head link set eth0 up
ip -n node link set eth0 up
ip netns exec node stage1-fetch -o got automatic=method:dolly,dolly_timeout:60 & fetch=$!
ip netns exec head dolly -s -v -a 60 -f dolly.cfg >said 2>&1 || { cat said; exit 1; }
wait $fetch
cmp image got
echo FETCHED BY DOLLY
ip netns delete head
ip netns delete node
stage1-sign keys site
stage1-sign image -s site.sec -v 1 image
unshare --net sh -ec 'ip link set lo up
	busybox httpd -p 8080 -h /tmp
	stage1-fetch -o got2 automatic=method:http,server:127.0.0.1:8080,directory:/,image:image,verify:$(tail -n 1 site.pub)
	kill $(pidof busybox)
	cmp image got2 && echo FETCHED AND VERIFIED'
rm -f image* got* said dolly.cfg site.*
cd /
"""
TOOLS = "libjansson4 libmicrohttpd12 man-db iproute2 busybox"
DEB = f"""set -e
apt-get -qq update
apt-get -qq -y --no-install-recommends install {TOOLS} >/dev/null 2>&1
{TRACE} >/tmp/before
apt-get -qq -y --no-install-recommends install /out/*.deb >/dev/null 2>&1
{USE}
apt-get -qq -y purge {' '.join(NAMES)} >/dev/null 2>&1
{TRACE} >/tmp/after
diff /tmp/before /tmp/after && echo NO TRACE
"""
RPM = f"""set -e
apt-get -qq update
apt-get -qq -y --no-install-recommends install rpm {TOOLS} >/dev/null 2>&1
rpm --initdb
{TRACE} >/tmp/before
rpm -i --nodeps /out/*.rpm
{USE}
rpm -V --nodeps {' '.join(NAMES)}
rpm -e {' '.join(NAMES)}
{TRACE} >/tmp/after
diff /tmp/before /tmp/after && echo NO TRACE
"""


def staged(where):
    """The tree that `make install` leaves; a file without a package is added by hand where a test wants one."""
    maker.run(f"make -s -C {TOP} install DESTDIR={where}/staged PREFIX=/usr", where)


def built(where, kind, out, check=True):
    """The packages; what was said."""
    done = subprocess.run([TOP / "packaging" / "build", kind, "staged", out], cwd=where, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout
    return done.stdout


def test_debs():
    """The three packages have every file of the installation, each once; lintian is silent; twice the same bytes; a
    file that no package has is named, and none is made."""
    with maker.folder() as where:
        staged(where)
        built(where, "deb", "a")
        built(where, "deb", "b")
        names = sorted(path.name.split("_")[0] for path in (where / "a").iterdir())
        assert names == NAMES, names
        maker.run("diff -r a b", where)
        assert maker.run("lintian --allow-root a/*.deb 2>&1 | grep -v 'running with root' || :", where) == ""
        maker.run("for p in a/*.deb; do dpkg-deb -x $p x; done; rm -r x/usr/share/doc x/usr/share/lintian; "
                  "find x -name '*.gz' -exec gunzip {} +", where)
        left = maker.run("diff -rq x staged || :", where)
        assert sorted(re.findall(r": (\S+)$", left, re.M)) == ["send_status", "stage1"], left
        maker.run("mkdir -p staged/usr/libexec && touch staged/usr/libexec/stranger", where)
        assert "stranger" in built(where, "deb", "c", check=False)
        assert not list((where / "c").iterdir())


test_debs.slow = True


def test_rpms():
    """The same as RPMs, with the libraries that the programs link as what they require."""
    with maker.folder() as where:
        staged(where)
        built(where, "rpm", "a")
        built(where, "rpm", "b")
        maker.run("diff -r a b", where)
        requires = maker.run("rpm -qRp a/stage1-server-*.rpm", where)
        assert "libmicrohttpd.so" in requires and "libjansson.so" in requires, requires
        assert "libc.so" not in maker.run("rpm -qRp a/stage1-clone-*.rpm", where)


def used(kind, script):
    """Packages of KIND in a bare Debian."""
    with maker.folder() as where:
        staged(where)
        built(where, kind, "out")
        done = subprocess.run([TOP / "tests" / "bare", "-o", where / "out", "sh", "-c", script], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=900)
        for words in ("FETCHED BY DOLLY", "FETCHED AND VERIFIED", "NO TRACE"):
            assert done.returncode == 0 and words in done.stdout, done.stdout[-3000:]


def test_debs_in_a_fresh_root():
    """In a bare Debian the packages are installed, their programs and pages used, and removed without a trace."""
    used("deb", DEB)


test_debs_in_a_fresh_root.slow = True


def test_rpms_in_a_fresh_root():
    """The RPMs likewise."""
    used("rpm", RPM)


test_rpms_in_a_fresh_root.slow = True
