job "later" {
  periodic {
    cron = "@daily"
  }
  parameterized {}

  group "one" {
    volume "data" {
      type = "host"
    }

    network {
      mode           = "cni/mine"
      reserved_ports = [22]
      port "ssh" {
        host_network = "private"
      }
    }

    task "vm" {
      driver = "qemu"
      user   = "nobody"
      config {
        image_path = "local/a.img"
      }
      lifecycle {
        hook = "prestart"
      }
      vault {}
      artifact {
        source = "hg::https://example.org/repo"
        chown  = true
      }
      artifact {
        source = "gs://bucket/a.img"
      }
    }

    task "second" {
      driver = "docker"
      config {
        image = "redis"
      }
    }
  }
}
