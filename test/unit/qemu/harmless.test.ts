import { describe, expect, test } from "bun:test";
import { reachesOut } from "../../../src/qemu/harmless.ts";
import { OPTIONS_WITH_VALUE, OPTIONS_WITHOUT_VALUE } from "../../../src/qemu/options.ts";

const reach = (...args: string[]): readonly number[] =>
  reachesOut(args, (path) => path.startsWith("local/")).map(({ index }) => index);

test.each([
  [[]],
  [["-nodefaults", "-nodefconfig", "--no-reboot", "-snapshot", "-enable-kvm"]],
  [["-cpu", "host,+vmx", "-smp", "2,sockets=1", "-rtc", "base=utc", "-boot", "order=cd,menu=off", "-vga", "none"]],
  [["-kernel", "local/vmlinuz", "-initrd", "local/initrd", "-append", "console=ttyS0 root=/dev/sda init=/bin/sh"]],
  [["-cdrom", "local/seed.iso", "-hdb", "local/data.img", "local/more.img"]],
  [["-drive", "file=local/data.img,format=raw,if=virtio,readonly=on"]],
  [["-fw_cfg", "name=opt/org.example/user-data,file=local/user-data", "-fw_cfg", "name=opt/x,string=/etc/passwd"]],
  [["-smbios", "type=1,serial=ds=nocloud;s=http://10.0.2.2/", "-smbios", "file=local/table"]],
  [["-device", "virtio-rng-pci", "-device", "qemu-xhci,id=usb", "-usb", "-usbdevice", "tablet"]],
  [["-nic", "none", "-display", "none", "-action", "panic=pause"]],
])("%p stays in the machine", (args) => {
  expect(reach(...args)).toEqual([]);
});

describe("what may reach the host is found:", () => {
  test.each([
    [["/dev/sda"]],
    [["-hdb", "/dev/sda"]],
    [["-cdrom", "nbd:10.0.0.1:10809"]],
    [["-drive", "file=/etc/shadow,format=raw"]],
    [["-drive", "format=raw,file=local/a,file=/etc/shadow"]],
    [["-drive", "file.driver=nbd,file.host=h"]],
    [["-drive", '{"file":"local/a"}']],
    [["-drive", "local/a"]],
    [["-fw_cfg", '{"name":"opt/x"}']],
    [["-fw_cfg", "name=opt/x,file=/etc/shadow"]],
    [["-fw_cfg", "name=opt/x,string=${NOMAD_META_x}"]],
    [["-fw_cfg", "name=opt/file=${NOMAD_META_x}"]],
    [["-drive", "file=local/a,id=file=${NOMAD_META_x}"]],
    [["-smbios", "type=1,serial=file=%{ if true }x,file=/etc/shadow%{ endif }"]],
    [["-smbios", "type=1,${NOMAD_META_x}"]],
    [["-smbios", "type=11,path=/etc/shadow"]],
    [["-netdev", "user,id=n,guestfwd=tcp:10.0.2.9:1-tcp:10.0.0.1:80"]],
    [["-nic", "user,hostfwd=tcp::22-:22"]],
    [["-net", "tap"]],
    [["-chardev", "file,id=c,path=x"]],
    [["-serial", "tcp:10.0.0.1:80"]],
    [["-monitor", "tcp::4444,server"]],
    [["-s"]],
    [["-gdb", "tcp::1234"]],
    [["-vnc", ":0"]],
    [["-display", "vnc=:0"]],
    [["-device", "vfio-pci,host=01:00.0"]],
    [["-device", "usb-host,hostbus=1"]],
    [["-device", "loader,file=local/x"]],
    [["-device", "virtio-gpu-pci,romfile=/etc/shadow"]],
    [["-device", '{"driver":"virtio-rng-pci"}']],
    [["-usbdevice", "serial"]],
    [["-virtfs", "local,path=/etc,mount_tag=t,security_model=none"]],
    [["-object", "memory-backend-file,id=m,mem-path=/x,size=1"]],
    [["-readconfig", "local/x"]],
    [["-plugin", "local/x.so"]],
    [["-incoming", "tcp:0:4444"]],
    [["-m", "1T"]],
    [["-global", "a.b=c"]],
    [["-set", "drive.image0.file=x"]],
    [["-k", "../../x"]],
    [["-D", "local/x"]],
    [["${NOMAD_META_x}"]],
    [["-${NOMAD_META_x}"]],
    [["-cpu", "${NOMAD_META_x}"]],
    [["-append"]],
    [["-no-such-option"]],
  ])("%p", (args) => {
    expect(reach(...args)).not.toEqual([]);
  });

  test("an option that this agent does not know to be harmless, whatever its value", () => {
    const harmless = [...OPTIONS_WITH_VALUE].filter((name) => reach(`-${name}`, "none").length === 0);
    expect(harmless.toSorted()).toEqual([
      "action",
      "append",
      "boot",
      "cpu",
      "display",
      "fw_cfg",
      "icount",
      "k",
      "net",
      "nic",
      "rtc",
      "smbios",
      "smp",
      "uuid",
      "vga",
      "watchdog-action",
    ]);
    const plain = [...OPTIONS_WITHOUT_VALUE].filter((name) => reach(`-${name}`).length === 0);
    expect(plain.toSorted()).toEqual([
      ...["enable-kvm", "no-acpi", "no-fd-bootchk", "no-hpet", "no-kvm", "no-reboot", "no-shutdown", "no-user-config"],
      ...["nodefaults", "nodefconfig", "snapshot", "usb", "win2k-hack"],
    ]);
  });

  test("each by its place in args", () => {
    expect(reach("-nodefaults", "-hdb", "/dev/sda", "-cpu", "host", "-s")).toEqual([1, 5]);
  });
});
