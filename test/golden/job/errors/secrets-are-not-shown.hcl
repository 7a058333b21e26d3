job "secret" {
  group "one" {
    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
      }
      env {
        PASSWORD = ["hunter2"]
        TOKEN    = "${local.token} hunter2"
      }
      artifact {
        source = "ftp://user:hunter2@example.org/a.img"
        headers {
          Authorization = { Bearer = "hunter2" }
        }
        options = "hunter2"
      }
    }
  }
}
