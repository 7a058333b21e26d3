job "a.b" {
  group "g" {
    network {
      port "web" {
        to = 80
      }
    }

    service {
      provider     = "etcd"
      port         = "wed"
      address_mode = "driver"
      task         = "other"
      on_update    = "maybe"
      connect {}
    }

    service {
      name     = "mesh"
      provider = "nomad"

      check {
        type                   = "http"
        interval               = "999ms"
        timeout                = 0
        path                   = "http://169.254.169.254/latest"
        method                 = "BREW"
        protocol               = "gopher"
        address_mode           = "auto"
        initial_status         = "fine"
        success_before_passing = 2
        tls_server_name        = "example.org"
        expose                 = true
        on_update              = "ignore"

        header {
          "X-A: b\r\nHost" = ["x"]
          X-B              = ["secret\r\nX-C: d"]
        }

        check_restart {
          limit           = 3
          ignore_warnings = true
        }
      }

      check {
        name    = "same"
        type    = "script"
        command = "/bin/true"
        port    = "70000"
      }

      check {
        name     = "same"
        type     = "udp"
        port     = "web"
        interval = "10s"
        timeout  = "2s"
        task     = "nobody"
      }
    }

    task "vm" {
      driver = "qemu"

      config {
        image_path = "local/a.img"
      }

      service {
        name = "twice"
        port = "web"
        task = "another"
      }

      service {
        name = "twice"
        port = "web"

        check {
          type         = "grpc"
          grpc_service = "a"
          interval     = "10s"
          timeout      = "2s"
          on_update    = "ignore_warnings"
          check_restart {
            limit = 1
          }
        }
      }
    }
  }
}
