job "short" {
  datacenters = ["dc1"]

  task "vm" {
    driver = "qemu"

    config {
      image_path = "local/a.img"
      port_map   = [{ ssh = 22 }, { web = "${NOMAD_META_web}" }]
    }

    resources {
      network {
        port "ssh" {}
        port "web" {
          static = 8080
        }
      }
    }

    restart {
      attempts = 0
    }
  }
}
