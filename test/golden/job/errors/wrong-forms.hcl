job "a" "b" {
  type = "cron"
  meta = ["x"]

  group {
    count = "two"

    task "vm" {
      driver       = "qemu"
      kill_timeout = "10"
      leader       = "yes"
      resources    = { memory = 512 }

      config {
        image_path = null
        args       = "-nodefaults"
        accelerator {
          kvm = true
        }
        port_map {
          ssh = 0
        }
      }

      env = {
        TOKEN = "one"
      }
      env {
        TOKEN = "two"
      }

      logs {
        max_files = 1.5
      }
      logs {
        max_files = 2
      }
    }
  }
}
