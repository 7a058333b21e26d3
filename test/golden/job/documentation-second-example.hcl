# The second example of Nomad's qemu driver page and its constraint; the checksum has the length that md5 needs.
job "virtual" {
  group "virtual" {
    task "virtual" {
      driver = "qemu"

      config {
        image_path  = "local/linux.img"
        accelerator = "kvm"
        args        = ["-nodefaults", "-nodefconfig"]
      }

      artifact {
        source = "https://internal.file.server/linux.img"
        options {
          checksum = "md5:d41d8cd98f00b204e9800998ecf8427e"
        }
      }

      constraint {
        attribute = "${driver.qemu.version}"
        operator  = ">"
        value     = "1.2.3"
      }
    }
  }
}
