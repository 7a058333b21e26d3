job "quiet" {
  node_pool   = "lab"
  all_at_once = true
  region      = "eu"
  namespace   = "team"

  affinity {
    attribute = "${attr.cpu.arch}"
    value     = "amd64"
  }

  spread {
    attribute = "${node.datacenter}"
  }

  update {
    canary = 1
  }

  group "one" {
    reschedule {
      attempts = 3
    }

    network {
      mode  = "bridge"
      mbits = 100
    }

    ephemeral_disk {
      migrate = true
    }

    task "vm" {
      driver      = "qemu"
      kill_signal = "SIGINT"

      config {
        image_path = "local/a.img"
      }

      template {
        data        = "x"
        destination = "local/x"
        vault_grace = "1s"
      }

      resources {
        iops = 5
      }
    }
  }
}
