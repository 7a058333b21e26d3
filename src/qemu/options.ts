/**
 * QEMU's options, to tell a value from a disk image name. From the `-help` of QEMU 7.2, where an integration test compares
 * them, with those of older and newer versions that are known; a name is never reused with another arity.
 */
const WITH_VALUE = `
M L D accel acpitable action add-fd append audio audiodev balloon bios blockdev boot bt cdrom chardev chroot clock compat cpu d
debugcon device dfilter display drive dtb dump-vmstate echr fda fdb fsdev fw_cfg g gdb global hda hdachs hdb hdc hdd icount
incoming initrd iscsi k kernel loadvm m machine mem-path mon monitor msg mtdblock name net netdev nic numa object option-rom
overcommit parallel pflash pidfile plugin prom-env qmp qmp-pretty qtest qtest-log readconfig realtime rotate rtc run-with runas
sandbox sd seed semihosting-config serial set shim smbios smp soundhw spice startdate tb-size tpmdev trace usbdevice uuid vga
virtfs virtioconsole vnc watchdog watchdog-action writeconfig xen-domid
`;

const WITHOUT_VALUE = `
S alt-grab async-teardown audio-help ctrl-grab curses daemonize enable-fips enable-hax enable-kvm enable-sync-profile
full-screen h help jitdump localtime mem-prealloc no-acpi no-fd-bootchk no-frame no-hpet no-kvm no-kvm-irqchip no-kvm-pit
no-kvm-pit-reinjection no-quit no-reboot no-shutdown no-user-config nodefaults nodefconfig nographic old-param
only-migratable perfmap portrait preconfig s sdl semihosting show-cursor singlestep snapshot tdf usb version virtfs_synth
win2k-hack xen-attach xen-create xen-domid-restrict
`;

const names = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((name) => name !== ""));

/** Names without dashes. */
export const OPTIONS_WITH_VALUE = names(WITH_VALUE);
export const OPTIONS_WITHOUT_VALUE = names(WITHOUT_VALUE);
