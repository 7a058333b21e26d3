job "web" {
  group "machines" {
    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
      }
      template { data = "hunter2" }
      artifact { source = "https://u:hunter2@example.org/a b" }
      vault { token = "hunter2" }
      secret "x" { path = "hunter2" }
      env { PASSWORD = ["hunter2"] }
    }
  }
}
