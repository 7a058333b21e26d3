# The first example of Nomad's qemu driver page, with the braces that the page leaves out.
job "webservice" {
  group "webservice" {
    task "webservice" {
      driver = "qemu"

      config {
        image_path        = "/path/to/my/linux.img"
        accelerator       = "kvm"
        graceful_shutdown = true
        args              = ["-nodefaults", "-nodefconfig"]
      }
    }
  }
}
