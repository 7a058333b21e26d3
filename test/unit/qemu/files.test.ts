import { describe, expect, test } from "bun:test";
import { readArguments } from "../../../src/qemu/arguments.ts";
import { namedFiles } from "../../../src/qemu/files.ts";

const found = (...args: string[]): string[] =>
  namedFiles(readArguments(args)).map(({ index, access, path }) => `${index} ${access} ${path}`);

test.each([
  [["-hdb", "a"], true],
  [["a"], true],
  [["-cdrom", "a"], true],
  [["-pflash", "a"], true],
  [["-drive", "file=a"], true],
  [["-drive", "file=a,format=qcow2"], true],
  [["-drive", "file=a,format=raw"], false],
  [["-drive", 'file=json:{"driver":"raw",,"file":{"driver":"file",,"filename":"a"}}'], false],
  [["-blockdev", "driver=file,node-name=f,filename=a"], true],
  [["-blockdev", "driver=raw,node-name=f,file.driver=file,file.filename=a"], false],
  [["-blockdev", "driver=raw,node-name=f,file.driver=qcow2,file.file.driver=file,file.file.filename=a"], true],
  [["-drive", 'file=json:{"driver":"raw",,"file":{"driver":"vmdk",,"file":{"driver":"file",,"filename":"a"}}}'], true],
  [["-kernel", "a"], false],
  [["-mem-path", "a"], false],
  [["-chardev", "file,id=c,path=a"], false],
])("what a file named by %p names is opened, too: %p", (args, followed) => {
  expect(namedFiles(readArguments(args)).map((file) => [file.path, file.followed ?? false])).toEqual([["a", followed]]);
});

describe("the files that args name", () => {
  test.each<[string[], string[]]>([
    [["/dev/sdb"], ["0 write /dev/sdb"]],
    [["-nodefaults", "-hdb", "local/data.img"], ["1 write local/data.img"]],
    [["-cdrom", "/srv/x.iso"], ["0 read /srv/x.iso"]],
    [
      ["--kernel", "/boot/vmlinuz", "-initrd", "initrd", "-append", "root=/dev/sda"],
      ["0 read /boot/vmlinuz", "2 read initrd"],
    ],
    [["-drive", "file=/x.img,format=raw"], ["0 write /x.img"]],
    [["-drive", "file=a,,b.img,if=virtio,readonly=on"], ["0 read a,b.img"]],
    [["-drive", "format=raw,media=cdrom,file=file:///x.iso"], ["0 read /x.iso"]],
    [["-drive", "format=raw,file.driver=file,file.filename=/x.img"], ["0 write /x.img"]],
    [["-drive", 'file=json:{"driver":"qcow2",,"file":{"driver":"file",,"filename":"/x.img"}}'], ["0 write /x.img"]],
    [["-drive", "file=nbd:unix:/s.sock"], []],
    [["-drive", "file=/dev/fdset/2"], []],
    [["-drive", "if=none"], []],
    [["-drive", "file=/x.img", "-snapshot"], ["0 read /x.img"]],
    [["-blockdev", "driver=file,node-name=d,filename=/x.img"], ["0 write /x.img"]],
    [
      ["-blockdev", '{"driver":"raw","read-only":true,"file":{"driver":"file","filename":"/x.img"}}'],
      ["0 read /x.img"],
    ],
    [["-chardev", "file,id=f,path=out.txt"], ["0 create out.txt"]],
    [
      ["-chardev", "socket,id=s,path=/run/s,server=on,wait=off,logfile=/l"],
      ["0 create /run/s", "0 create /l"],
    ],
    [["-chardev", "socket,id=s,path=/run/s"], ["0 write /run/s"]],
    [["-chardev", "serial,id=s,path=/dev/ttyS0"], ["0 write /dev/ttyS0"]],
    [
      ["-chardev", "pipe,id=p,path=/p"],
      ["0 write /p", "0 write /p.in", "0 write /p.out"],
    ],
    [["-chardev", "pty,id=p"], []],
    [["-serial", "mon:stdio"], []],
    [["-serial", "file:/var/log/x"], ["0 create /var/log/x"]],
    [["-serial", "/dev/ttyS0"], ["0 write /dev/ttyS0"]],
    [["-monitor", "unix:/run/m,server,nowait"], ["0 create /run/m"]],
    [["-qmp", "unix:/run/m"], ["0 write /run/m"]],
    [["-monitor", "tcp:127.0.0.1:4444,server"], []],
    [["-object", "memory-backend-file,id=m,size=1G,mem-path=/dev/hugepages"], ["0 write /dev/hugepages"]],
    [["-object", "rng-random,id=r,filename=/dev/urandom"], ["0 read /dev/urandom"]],
    [["-object", '{"qom-type":"filter-dump","id":"d","file":"/d.pcap"}'], ["0 create /d.pcap"]],
    [["-virtfs", "local,path=/srv/share,mount_tag=s,security_model=none"], ["0 read /srv/share"]],
    [["-device", "virtio-net-pci,romfile=/rom"], ["0 read /rom"]],
    [["-device", "usb-host,hostbus=1,hostaddr=12"], ["0 write /dev/bus/usb/001/012"]],
    [["-device", "virtio-blk-pci,drive=x"], []],
    [["-fw_cfg", "name=opt/x,file=/etc/x"], ["0 read /etc/x"]],
    [["-smbios", "type=1,serial=/not/a/file"], ["0 read /not/a/file"]],
    [
      ["-D", "/var/log/q", "-pidfile", "q.pid"],
      ["0 create /var/log/q", "2 create q.pid"],
    ],
    [["-hdb"], []],
    [["-no-reboot", "-m", "512"], []],
  ])("%j", (args, files) => {
    expect(found(...args)).toEqual(files);
  });
});
