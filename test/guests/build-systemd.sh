#!/bin/bash
# build-systemd.sh - Debian's systemd as PID 1, with QEMU inside, from the files of this machine's own packages: an initramfs that is
# the whole system. Needs (Debian 12, root NOT needed): systemd dash qemu-system-x86 seabios busybox-static
#   ipxe-qemu cpio, as installed
# Usage: build-systemd.sh OUTFILE
# Boots with rdinit=/lib/systemd/systemd. What it runs: every cpio archive behind this one adds files, and /test/script is run by a
# service once the system is up, its output and its exit status on ttyS1; then the machine is off.
set -euo pipefail
OUT=$1
W=$(mktemp -d); trap 'rm -rf "$W"' EXIT; R=$W/root
PATH=$PATH:/usr/sbin:/sbin
LIBS=usr/lib/$(uname -m)-linux-gnu
mkdir -p "$R"/usr/{bin,sbin,lib,lib64,share} "$R"/{dev,proc,sys,run,tmp,etc,root,home,mnt,test,var/{lib,log,tmp}}
for d in bin sbin lib lib64; do ln -s usr/$d "$R/$d"; done
ln -s /run "$R/var/run"; chmod 1777 "$R/tmp" "$R/var/tmp"; chmod 700 "$R/root"

# --- files of packages -------------------------------------------------------------------------------------------------
copy() { # copy FILE...: each to where it lies here, links as links; what is not there is left out
  for f in "$@"; do
    [ -e "$f" ] || [ -L "$f" ] || continue
    mkdir -p "$R$(dirname "$f")"; cp -Pp "$f" "$R$f"
  done; }
package() { # the files of an installed package that a machine runs by
  dpkg -L "$1" | grep -vE '^/usr/share/(doc|man|locale|lintian|bug|zsh|bash-completion)|/systemd/boot/|/gconv/|^/etc/(X11|init.d|pam.d)' |
    while read -r f; do [ -d "$f" ] && [ ! -L "$f" ] || echo "$f"; done | while read -r f; do copy "$f"; done; }
for p in systemd libsystemd-shared dash libc6; do package "$p"; done
[ -e "$R/lib/systemd/systemd" ] || { echo "systemd's files are not here; run: sh .ci/setup guests" >&2; exit 1; }
copy /usr/bin/qemu-system-x86_64 "/$LIBS"/qemu/accel-tcg-x86_64.so
for d in /usr/share/qemu /usr/share/seabios /usr/lib/ipxe/qemu; do
  for f in bios-256k.bin kvmvapic.bin linuxboot_dma.bin pvh.bin vgabios-stdvga.bin keymaps/en-us efi-{virtio,e1000,e1000e}.rom; do
    copy "$d/$f"; done; done
copy "/$LIBS"/libgcc_s.so.1
# Libraries, of all that was copied: their names as the loader asks for them.
{ find "$R" -type f \( -perm -u+x -o -name '*.so*' \) -print0 | xargs -0 -n 50 ldd 2>/dev/null || true; } | grep -oE '/[^ :]+\.so[^ :]*' | sort -u |
  while read -r l; do mkdir -p "$R$(dirname "$l")"; [ -e "$R$l" ] || cp -L "$l" "$R$l"; done
# Tools for scripts that no package above has.
cp "$(command -v busybox)" "$R/bin/busybox"
for a in $(busybox --list); do [ -e "$R/bin/$a" ] || [ -e "$R/sbin/$a" ] || ln -s busybox "$R/bin/$a"; done

# --- the system ----------------------------------------------------------------------------------------------------------
cat > "$R/etc/passwd" <<'X'
root:x:0:0:root:/root:/bin/sh
user:x:1000:1000:user:/home/user:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
X
cat > "$R/etc/group" <<'X'
root:x:0:
tty:x:5:
disk:x:6:
adm:x:4:
utmp:x:43:
systemd-journal:x:999:
kvm:x:108:
user:x:1000:
nogroup:x:65534:
X
printf 'passwd: files\ngroup: files\nhosts: files\n' > "$R/etc/nsswitch.conf"
printf '127.0.0.1 localhost\n' > "$R/etc/hosts"; echo systemd-guest > "$R/etc/hostname"
printf 'PRETTY_NAME="test guest"\nID=debian\n' > "$R/etc/os-release"
printf '%s\n' 5d1f9e3b7c0a4e6f8a2b1c3d4e5f6a7b > "$R/etc/machine-id"
: > "$R/etc/fstab"; ln -sf /proc/self/mounts "$R/etc/mtab"
mkdir -p "$R/home/user" "$R/etc/systemd/system/multi-user.target.wants" "$R/etc/systemd/journald.conf.d" "$R/etc/systemd/system.conf.d"
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n' > "$R/etc/systemd/journald.conf.d/test.conf"
# The processor is emulated: what takes a second elsewhere takes ten here.
printf '[Manager]\nDefaultTimeoutStartSec=300s\nDefaultTimeoutStopSec=120s\n' > "$R/etc/systemd/system.conf.d/test.conf"
S=$R/etc/systemd/system
# Nobody logs in, nothing lasts, and there is no udev: what waits for devices or writes to disks is left out.
for u in getty.target systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-random-seed.service systemd-pstore.service \
  kmod-static-nodes.service systemd-sysusers.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
  sys-fs-fuse-connections.mount sys-kernel-config.mount systemd-remount-fs.service systemd-journal-flush.service systemd-logind.service \
  systemd-modules-load.service e2scrub_reap.service systemd-timesyncd.service systemd-journal-catalog-update.service \
  systemd-machine-id-commit.service systemd-firstboot.service modprobe@.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
  systemd-ask-password-console.path systemd-ask-password-wall.path systemd-pcrphase.service systemd-pcrphase-sysinit.service \
  systemd-resolved.service systemd-networkd.service systemd-tmpfiles-clean.timer remote-fs.target systemd-boot-update.service; do
  ln -sf /dev/null "$S/$u"; done
ln -sf /lib/systemd/system/multi-user.target "$S/default.target"
cat > "$S/test-script.service" <<'X'
[Unit]
Description=test script
After=basic.target systemd-user-sessions.service
[Service]
Type=oneshot
ExecStart=/test/run
# Also after a script that has killed itself.
ExecStopPost=/test/off
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
TimeoutStartSec=infinity
# What systemd does to other services is what is tested; this one is its own master.
OOMScoreAdjust=-900
X
# A manager for the user 1000 (systemctl start user@1000), without logind, PAM and D-Bus.
mkdir -p "$S/user@.service.d" "$R/etc/systemd/user.conf.d"
cp "$R/etc/systemd/system.conf.d/test.conf" "$R/etc/systemd/user.conf.d/"
printf '[Service]\nPAMName=\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\n' > "$S/user@.service.d/test.conf"
cat > "$S/user-runtime-dir@.service" <<'X'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'mkdir -p -m 755 /run/user && mkdir -m 700 /run/user/%i && chown %i:%i /run/user/%i && chown -R %i:%i /home/user'
X
ln -s ../test-script.service "$S/multi-user.target.wants/test-script.service"
cat > "$R/test/run" <<'X'
#!/bin/sh
ip link set lo up 2>/dev/null || ifconfig lo 127.0.0.1
export HOME=/root SYSTEMD_COLORS=0 SYSTEMD_PAGER=cat SYSTEMD_URLIFY=0 TERM=dumb LC_ALL=C
cd /root && sh /test/script </dev/null
echo "TEST-EXIT $?"
X
cat > "$R/test/off" <<'X'
#!/bin/sh
# Not by systemd, which would first end what the script left running: off at once, when the last line is out.
sleep 0.2; echo o > /proc/sysrq-trigger; sleep 60
X
chmod 755 "$R/test/run" "$R/test/off"
( cd "$R" && find . -print0 | sort -z | cpio -0 -o -H newc -R 0:0 --quiet ) > "$OUT"
