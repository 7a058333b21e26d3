variable "password" { default = "hunter2" type = number }
job "web" {
  task "vm" { driver = "qemu" env { PASSWORD = "hunter2" } kill_timeot = "5s" }
  meta { token = "hunter2", other = 1 } nonsense = 1
  task "other" {
    driver = "qemu"
    config { image_path = "x" }
    template { data = "hunter2 {{ x }}" destination = "local/x" }
    template { destination = "/x" data = "hunter2" }
    artifact { source = "https://u:hunter2@example.org/a" mode = "bogus" }
  }
}
