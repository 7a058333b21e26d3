job ".." {
  type = "system"

  group "one" {
    count = 2

    service {
      provider     = "nomad"
      port         = "web"
      address_mode = "bridge"

      check {
        type     = "http"
        interval = "5s"
        timeout  = "1s"
        method   = "CONNECT"
      }

      check {
        name     = "spaced"
        type     = "http"
        path     = "/a b"
        interval = "5s"
        timeout  = "1s"
      }
    }

    task "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
      }
    }
  }
}
