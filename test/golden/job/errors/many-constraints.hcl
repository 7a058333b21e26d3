job "web" {
  dynamic "constraint" {
    for_each = range(1001)
    content {
      attribute = "${attr.kernel.name}"
      regexp    = "linux|${constraint.value}"
    }
  }

  group "web" {
    task "vm" {
      driver = "qemu"
      config {
        image_path = "/images/linux.img"
      }
    }
  }
}
