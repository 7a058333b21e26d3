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
          checksum = "md5:123445555555555"
        }
      }
    }
  }
}
