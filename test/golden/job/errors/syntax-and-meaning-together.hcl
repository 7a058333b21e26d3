job "web" {
  priority = 200
  group "web" {
    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/a.img
        drive_interface = "nvme"
      }
    }
  }
}
