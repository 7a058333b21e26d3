# Two machines of one group: they are placed, started, counted and stopped together.
job "shop" {
  group "shop" {
    count = 2

    network {
      port "web" {
        static = 8080
      }
      port "sql" {}
      # Given, and forwarded by nothing but args.
      port "metrics" {}
    }

    # It begins and ends with the machine that its port leads to.
    service {
      name     = "shop-web"
      port     = "web"
      provider = "nomad"

      check {
        type     = "tcp"
        interval = "10s"
        timeout  = "2s"
      }
    }

    # Names its task itself.
    service {
      name     = "shop-metrics"
      port     = "metrics"
      provider = "nomad"
      task     = "db"
    }

    task "web" {
      driver = "qemu"
      # When it has ended, the other one is stopped.
      leader       = true
      kill_timeout = "20s"

      config {
        image_path = "local/web.img"
        args = [
          "-fw_cfg", "name=opt/org.example/database,string=10.0.2.2:${NOMAD_HOST_PORT_sql}",
        ]

        port_map {
          web = 80
        }
      }

      artifact {
        source = "https://internal.file.server/web.img"
      }

      resources {
        memory = 512
      }
    }

    task "db" {
      driver = "qemu"

      config {
        image_path        = "local/db.img"
        graceful_shutdown = true

        port_map {
          sql = 5432
        }
      }

      artifact {
        source = "https://internal.file.server/db.img"
      }

      restart {
        attempts = 5
        interval = "10m"
        delay    = "20s"
        mode     = "delay"
      }

      service {
        name     = "shop-sql"
        port     = "sql"
        provider = "nomad"
      }

      # The old form: this port is the task's own, and NOMAD_ADDR_db_admin tells the other task of it.
      resources {
        cpu    = 200
        memory = 1024

        network {
          port "admin" {}
        }
      }
    }
  }
}
