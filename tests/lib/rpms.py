"""rpms - folders with files -> a repository of RPMs, and the .repo file by which dnf finds it.

    repository(where, {"systemd": where / "tree", "passwd": None})      None: a package without files
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: dnf rpm createrepo-c
import pathlib

import maker

SPEC = """Name: {name}
Version: 1.1
Release: 1
Summary: {name} of a test
License: GPL-2.0-or-later
AutoReqProv: no
{head}
%description
For a test.
%install
mkdir -p %{{buildroot}}
{install}
%files
{files}
{script}
"""
QUIET = ("--define '_build_id_links none' --define 'debug_package %{nil}' --define '__os_install_post %{nil}' "
         "--define '_binary_payload w3.gzdio'")


def package(where, name, tree=None, head="", script=""):
    """One RPM in WHERE/rpms; HEAD and SCRIPT: lines of the spec before its description and behind its files."""
    spec = pathlib.Path(where) / f"{name}.spec"
    install = f"cp -a {tree}/. %{{buildroot}}" if tree else ""
    spec.write_text(SPEC.format(name=name, head=head, script=script, install=install, files="/*" if tree else ""))
    maker.run(f"rpmbuild -bb --quiet --nodeps {QUIET} --define '_topdir {where}/rpmbuild' --define '_rpmdir {where}/rpms' "
              f"{spec} >{spec}.said 2>&1 || {{ cat {spec}.said; exit 1; }}", where)


def repository(where, packages, more=None):
    """All of PACKAGES as a repository, MORE of them: (head, script); the folder of its .repo file."""
    for name, tree in packages.items():
        package(where, name, tree, *(more or {}).get(name, ()))
    maker.run(f"createrepo_c -q {where}/rpms; mkdir -p repos; "
              f"printf '[own]\\nname=own\\nbaseurl=file://{where}/rpms\\ngpgcheck=0\\n' >repos/own.repo", where)
    return pathlib.Path(where) / "repos"
