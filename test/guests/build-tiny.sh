#!/bin/bash
# build-tiny.sh - a tiny Linux appliance from Debian packages: kernel + busybox (+ qemu-guest-agent) in an initramfs.
# Needs (Debian 12, root NOT needed): busybox-static mtools dosfstools syslinux syslinux-common isolinux xorriso lz4 cpio
#   qemu-utils; KERNEL=cloud: linux-image-cloud-amd64 installed, or KDIR=dir of an unpacked kernel .deb
#   QGA=1: qemu-guest-agent's .deb unpacked in QGADIR (or installed); UEFI=1: grub-efi-amd64-bin + grub-common
#   ARCH=arm64: KDIR= and BUSYBOX= (an arm64 busybox-static) and GRUBDIR= (grub-efi-arm64-bin's arm64-efi) unpacked; UEFI disk only
# Usage: [KDIR=/] [KVER=...] [QGA=0|1] [QGADIR=/] [UEFI=0|1] [COMP=lz4|zstd|none] [APPEND=...] build-tiny.sh OUTDIR
# Result: OUTDIR/{vmlinuz,initrd,tiny.img,tiny.qcow2,tiny.iso}
set -euo pipefail
OUT=$(mkdir -p "$1" && cd "$1" && pwd); KDIR=${KDIR:-}; QGA=${QGA:-1}; QGADIR=${QGADIR:-}; UEFI=${UEFI:-0}; COMP=${COMP:-lz4}
KVER=${KVER:-$(basename "$(ls -d "$KDIR"/lib/modules/[0-9]*-cloud-* | sort -V | tail -1)")}
PATH=$PATH:/usr/sbin:/sbin   # an ordinary user's has no mkfs.vfat, sfdisk, depmod
ARCH=${ARCH:-amd64}; BUSYBOX=${BUSYBOX:-$(command -v busybox)}; CON=ttyS0,115200; EFI=x86_64-efi; EFINAME=BOOTX64.EFI
if [ "$ARCH" = arm64 ]; then QGA=0; UEFI=1; CON=ttyAMA0; EFI=arm64-efi; EFINAME=BOOTAA64.EFI; fi; GRUBDIR=${GRUBDIR:-/usr/lib/grub/$EFI}
APPEND=${APPEND:-console=$CON quiet panic=1 mitigations=off nokaslr}
MODS="virtio_pci virtio_mmio virtio_net button evdev virtio_console virtio_blk virtio_rng pvpanic_mmio pvpanic_pci"          # loaded before READY
LATE="virtio_balloon qemu_fw_cfg ata_piix ahci virtio_scsi sd_mod sr_mod isofs vfat nls_ascii nls_cp437 virtiofs 9p 9pnet_virtio
 e1000 e1000e 8139cp 8139too vmw_vsock_virtio_transport virtio_input virtio_mem nvme usb_storage xhci_pci ehci_pci uhci_hcd overlay squashfs"
W=$(mktemp -d); trap 'rm -rf "$W"' EXIT; R=$W/root; M=$KDIR/lib/modules/$KVER
mkdir -p "$R"/{bin,dev,proc,sys,tmp,run,mnt,etc,www/cgi-bin,lib/modules,root,sbin,usr/bin,usr/sbin,var/run}
[ -f "$M/modules.dep" ] || depmod -b "${KDIR:-/}" "$KVER"
# --- modules, flattened, in dependency order -----------------------------------------------------------------------
need() { # print the files of module $1, dependencies first
  local l; l=$(grep -E "/$(echo "$1" | sed 's/[-_]/[-_]/g')\.ko:" "$M/modules.dep" | head -1) || return 0
  local f=${l%%:*} d=${l#*:}; for x in $d; do echo "$x"; done | tac; echo "$f"; }
list() { for m in "$@"; do need "$m"; done | awk '!s[$0]++'; }
list $MODS > "$W/early"; list $LATE | grep -vxFf "$W/early" > "$W/late" || true
for k in early late; do : > "$R/lib/modules/$k"; while read -r f; do cp "$M/$f" "$R/lib/modules/"; basename "$f" >> "$R/lib/modules/$k"; done < "$W/$k"; done
# --- busybox ---------------------------------------------------------------------------------------------------------
cp "$BUSYBOX" "$R/bin/busybox"; for a in $(busybox --list | grep -vx busybox); do ln -sf busybox "$R/bin/$a"; done
# --- guest agent with its libraries ----------------------------------------------------------------------------------
if [ "$QGA" = 1 ]; then
  cp "$QGADIR/usr/sbin/qemu-ga" "$R/usr/sbin/"
  ldd "$R/usr/sbin/qemu-ga" | grep -o '/[^ ]*' | while read -r l; do mkdir -p "$R$(dirname "$l")"; cp -L "$l" "$R$l"; done
fi
cat > "$R/sbin/shutdown" <<'X'
#!/bin/sh
case "$*" in *-r*) exec reboot -f;; *) echo "TINY SHUTDOWN" > /dev/console; exec off;; esac
X
cat > "$R/sbin/off" <<'X'
#!/bin/sh
# What a real init does: whoever writes is told to end, and file systems are let go of.
touch /run/off; i=0; while [ -d /scratch ] && ! umount /scratch 2>/dev/null && [ $i -lt 150 ]; do i=$((i+1)); sleep 0.1; done
echo "TINY POWEROFF" > /dev/console; exec poweroff -f
X
cat > "$R/etc/udhcpc.sh" <<'X'
#!/bin/sh
case $1 in bound|renew)
  ifconfig $interface $ip netmask ${subnet:-255.255.255.0}
  for r in $router; do route add default gw $r dev $interface; done
  : > /etc/resolv.conf; for d in $dns; do echo nameserver $d >> /etc/resolv.conf; done
  echo $ip > /run/ip;; esac
X
echo 'root::0:0:root:/root:/bin/sh' > "$R/etc/passwd"; echo 'root:x:0:' > "$R/etc/group"; echo 'tiny' > "$R/etc/hostname"
cat > "$R/www/index.html" <<'X'
<!doctype html><title>tiny</title><h1>tiny appliance</h1><p><a href=/cgi-bin/info>info</a>
X
cat > "$R/www/cgi-bin/info" <<'X'
#!/bin/sh
printf 'Content-Type: application/json\r\n\r\n'
printf '{"hostname":"%s","ip":"%s","cpus":%s,"memKiB":%s,"uptime":%s,"boots":"%s","instance":"%s","disks":"%s","cmdline":"%s"}\n' \
 "$(hostname)" "$(cat /run/ip)" "$(nproc)" "$(awk '/MemTotal/{print $2}' /proc/meminfo)" "$(cut -d' ' -f1 /proc/uptime)" \
 "$(cat /run/boots 2>/dev/null)" "$(cat /run/instance 2>/dev/null)" "$(awk 'NR>2{printf "%s:%s ",$4,$3}' /proc/partitions)" "$(sed 's/"/\\"/g' /proc/cmdline)"
X
# --- init --------------------------------------------------------------------------------------------------------------
cat > "$R/init" <<'X'
#!/bin/sh
# Options, from the kernel command line or -fw_cfg name=opt/tiny,string='...' (disk boots):
#   tiny.deaf          ignore the power button          tiny.slow=N   wait N seconds before powering off on the button
#   tiny.off=N         power off by itself after N s     tiny.crash=N  kernel panic after N s (panic=1 then resets)
#   tiny.late=N        say READY N seconds later         tiny.static   no DHCP: 10.0.2.15/24
#   tiny.handler=N     hear the button only after N s    tiny.work     write to the ext4 labelled WORK until the end
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=linux
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mkdir -p /dev/pts; mount -t devpts pts /dev/pts
exec >/dev/console 2>&1 </dev/console
echo "TINY INIT $(uname -r) up=$(cut -d' ' -f1 /proc/uptime)"
hostname -F /etc/hostname
cd /lib/modules; for m in $(cat early); do insmod $m; done 2>/dev/null
C=$(cat /proc/cmdline)
if [ -d /sys/module/qemu_fw_cfg ] || insmod qemu_fw_cfg.ko 2>/dev/null; then C="$C $(cat /sys/firmware/qemu_fw_cfg/by_name/opt/tiny/raw 2>/dev/null)"; fi
opt() { case " $C " in *" tiny.$1="*) v=${C##*tiny.$1=}; v=${v%% *};; *" tiny.$1 "*) v=1;; *) v=; return 1;; esac; }
opt deaf && DEAF=1; opt slow && SLOW=$v; opt handler && HANDLER=$v
# power button: the first event of the input device called "Power Button"
for e in /sys/class/input/event*; do
  [ "$(cat $e/device/name 2>/dev/null)" = "Power Button" ] || [ "$(cat $e/device/name 2>/dev/null)" = gpio-keys ] || continue
  ( [ -z "$HANDLER" ] || sleep $HANDLER; while dd if=/dev/input/${e##*/} of=/dev/null bs=48 count=1 2>/dev/null; do
      echo "TINY POWERBUTTON${DEAF:+ ignored}"
      [ -n "$DEAF" ] || { [ -z "$SLOW" ] || sleep $SLOW; off; }
    done ) &
done
opt off && ( sleep $v; echo "TINY POWEROFF"; poweroff -f ) &
opt crash && ( sleep $v; echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger ) &
ifconfig lo 127.0.0.1; IF=
for n in /sys/class/net/*; do n=${n##*/}; [ $n = lo ] || { IF=$n; break; }; done
late() { cd /lib/modules; for m in $(cat late); do insmod $m 2>/dev/null; done; }
[ -n "$IF" ] || { late; LATE=1; for n in /sys/class/net/*; do n=${n##*/}; [ $n = lo ] || IF=$n; done; }
if [ -n "$IF" ]; then
  ifconfig $IF up
  if opt static; then ifconfig $IF 10.0.2.15; route add default gw 10.0.2.2; echo 10.0.2.15 > /run/ip
  else udhcpc -q -n -f -i $IF -s /etc/udhcpc.sh -t 5 -T 1 -A 1 >/dev/null 2>&1 || echo "TINY no lease on $IF"; fi
  httpd -p 80 -h /www
fi
for p in /sys/class/virtio-ports/*; do
  [ "$(cat $p/name 2>/dev/null)" = org.qemu.guest_agent.0 ] && [ -x /usr/sbin/qemu-ga ] && qemu-ga -d -m virtio-serial -p /dev/${p##*/}
done
opt late && sleep $v
opt work && d=$(findfs LABEL=WORK) && mkdir -p /scratch && mount -t ext4 $d /scratch && {
  ( n=0; while [ ! -e /run/off ]; do n=$((n+1)); dd if=/dev/zero of=/scratch/f$((n % 16)) bs=64k count=4 2>/dev/null; done ) & }
echo "TINY READY ip=$(cat /run/ip 2>/dev/null) cpus=$(nproc) mem=$(awk '/MemTotal/{print int($2/1024)}' /proc/meminfo)M up=$(cut -d' ' -f1 /proc/uptime)"
# the rest in the background: other drivers, boot counter on the own disk, NoCloud seed, 9p and virtiofs shares
( [ -n "$LATE" ] || late
  d=$(findfs LABEL=TINY 2>/dev/null) && mount -t vfat $d /mnt 2>/dev/null && { n=$(cat /mnt/boots.txt 2>/dev/null); n=$((${n:-0}+1))
    echo $n > /mnt/boots.txt 2>/dev/null || n="$n ro"; umount /mnt; echo $n > /run/boots; echo "TINY boots=$n"; }
  d=$(findfs LABEL=cidata 2>/dev/null || findfs LABEL=CIDATA 2>/dev/null) && mkdir -p /run/seed && { mount -r -t iso9660 $d /run/seed 2>/dev/null || mount -r -t vfat $d /run/seed; } && {
    i=$(awk '/^instance-id:/{print $2}' /run/seed/meta-data); h=$(awk '/^local-hostname:/{print $2}' /run/seed/meta-data)
    echo "$i" > /run/instance; [ -z "$h" ] || hostname "$h"; echo "TINY seed instance-id=$i hostname=$h"
    case "$(head -c 2 /run/seed/user-data 2>/dev/null)" in '#!') cp /run/seed/user-data /tmp/user-data; chmod +x /tmp/user-data; /tmp/user-data;; esac; }
  for t in /sys/bus/virtio/drivers/9pnet_virtio/*/mount_tag; do [ -r $t ] || continue; t=$(tr -d '\000' < $t); mkdir -p /mnt/$t
    mount -t 9p -o trans=virtio,version=9p2000.L $t /mnt/$t && echo "TINY 9p $t: $(ls /mnt/$t | head -5 | tr '\n' ' ')"; done
  opt virtiofs && mkdir -p /mnt/$v && mount -t virtiofs $v /mnt/$v && echo "TINY virtiofs $v: $(ls /mnt/$v | head -5 | tr '\n' ' ')"
  echo "TINY LATE up=$(cut -d' ' -f1 /proc/uptime)" ) &
while :; do setsid cttyhack sh -i; done
X
chmod 755 "$R/init" "$R/sbin/shutdown" "$R/sbin/off" "$R/etc/udhcpc.sh" "$R/www/cgi-bin/info"
# --- initrd (reproducible), kernel ----------------------------------------------------------------------------------
find "$R" -exec touch -h -d @1700000000 {} +
(cd "$R" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --reproducible --quiet) > "$W/cpio"
case $COMP in lz4) lz4 -l -9 -q -f "$W/cpio" "$OUT/initrd";; zstd) zstd -q -f -19 "$W/cpio" -o "$OUT/initrd";; none) cp "$W/cpio" "$OUT/initrd";; esac
cp "${KDIR}/boot/vmlinuz-$KVER" "$OUT/vmlinuz"
# --- disk image: FAT "superfloppy" inside one partition, syslinux, no root, no loop ---------------------------------------
SZ=$(( ($(stat -c %s "$OUT/vmlinuz") + $(stat -c %s "$OUT/initrd")) / 1048576 + 2 + UEFI * 2 )); I=$OUT/tiny.img; rm -f "$I"; truncate -s $((SZ+1))M "$I"
printf 'label: dos\nstart=2048, type=e, bootable\n' | sfdisk -q "$I"
mkfs.vfat -n TINY -i 7117A9E5 --offset 2048 "$I" $((SZ*1024)) >/dev/null
cat > "$W/syslinux.cfg" <<X
DEFAULT l
PROMPT 0
TIMEOUT 0
LABEL l
 LINUX /vmlinuz
 INITRD /initrd
 APPEND $APPEND
X
if [ "$ARCH" = amd64 ]; then dd if=/usr/lib/syslinux/mbr/mbr.bin of="$I" conv=notrunc status=none; syslinux --install --offset $((2048*512)) "$I"; fi
mcopy -i "$I@@1M" "$OUT/vmlinuz" "$OUT/initrd" "$W/syslinux.cfg" ::/
if [ "$UEFI" = 1 ]; then
  printf 'set timeout=0\nsearch --file --set=root /vmlinuz\nlinux /vmlinuz %s\ninitrd /initrd\nboot\n' "$APPEND" > "$W/grub.cfg"
  grub-mkimage -d "$GRUBDIR" -O $EFI -o "$W/boot.efi" -p / -c "$W/grub.cfg" part_msdos fat linux normal search search_fs_file boot configfile
  mmd -i "$I@@1M" ::/EFI ::/EFI/BOOT; mcopy -i "$I@@1M" "$W/boot.efi" ::/EFI/BOOT/$EFINAME
fi
qemu-img convert -q -c -f raw -O qcow2 "$I" "$OUT/tiny.qcow2"
[ "$ARCH" = amd64 ] || { ls -l "$OUT"; exit 0; }
# --- ISO, also bootable when written to a disk ------------------------------------------------------------------------------
mkdir -p "$W/iso/isolinux"; cp "$OUT/vmlinuz" "$OUT/initrd" "$W/iso/"; cp "$W/syslinux.cfg" "$W/iso/isolinux/isolinux.cfg"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$W/iso/isolinux/"
xorriso -as mkisofs -quiet -V TINYISO -R -o "$OUT/tiny.iso" -isohybrid-mbr /usr/lib/ISOLINUX/isohdpfx.bin -b isolinux/isolinux.bin -c isolinux/boot.cat \
  -no-emul-boot -boot-load-size 4 -boot-info-table "$W/iso" 2>/dev/null
ls -l "$OUT"
