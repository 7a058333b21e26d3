job "linux" {
  datacenters = ["dc1"]
  type        = "service"

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  group "linux" {
    network {
      port "http" { to = 80 }
    }

    task "virtual" {
      driver = "qemu"

      config {
        image_path        = "local/linux.img"
        accelerator       = "kvm"
        graceful_shutdown = true
        args              = ["-nodefaults", "-nographic"]
        port_map { http = 80 }
      }

      artifact {
        source = "https://internal.file.server/linux.img"
        options {
          checksum = "md5:123445555555555"
        }
      }

      env {
        DISK = "${NOMAD_TASK_DIR}/linux.img"
      }

      resources {
        cpu    = 500
        memory = 256
      }
    }
  }
}
