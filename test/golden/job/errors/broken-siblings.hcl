job "siblings" {
  group "names" {
    task "one" {
      driver = "qemu"
      leader = true
      config {
        image_path = "local/a.img"
      }
    }
    task "two" {
      driver = "qemu"
      leader = true
      config {
        image_path = "local/a.img"
      }
    }
    task ".one.stdout.times" {
      driver = "qemu"
      leader = true
      config {
        image_path = "local/a.img"
      }
    }
    task "two" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
      }
    }
  }

  group "keys" {
    task "db358" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
      }
    }
    task "web284" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
      }
    }
  }

  group "paths" {
    task "a" {
      driver = "qemu"
      config {
        image_path = "local/../../b/local/b.img"
      }
      artifact {
        source      = "https://example.org/other/b.img?archive=false"
        destination = "../alloc/data/"
      }
      artifact {
        source      = "https://example.org/c.bin"
        destination = "../alloc/data"
        options {
          filename = "named.bin"
        }
      }
    }
    task "b" {
      driver = "qemu"
      config {
        image_path = "../alloc/data/b.img"
      }
      artifact {
        source      = "https://example.org/b.img"
        destination = "../alloc/data"
      }
      artifact {
        source      = "https://example.org/named.bin"
        destination = "../alloc/data"
      }
      artifact {
        source      = "https://example.org/seed.iso"
        destination = "../a/local"
      }
    }
  }

  group "ports" {
    network {
      port "web" {
        static = 8080
      }
      port "sql" {
        to = 5432
      }
      port "same" {
        to = -1
      }
      port "free" {}
    }
    task "a" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
        args       = ["-netdev", "user,id=n,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=udp::9999-:9,hostfwd=tcp:127.0.0.1:7777-:7"]
        port_map {
          web = 80
        }
      }
      resources {
        network {
          port "own" {}
        }
      }
    }
    task "b" {
      driver = "qemu"
      config {
        image_path = "local/b.img"
        args = [
          "-netdev", "user,id=n,hostfwd=tcp::2222-:22,hostfwd=tcp::9999-:9",
          "-netdev", "user,id=m,hostfwd=::8080-:80,hostfwd=tcp::${NOMAD_HOST_PORT_free}-:80",
        ]
        port_map {
          web = 80
          own = 80
        }
      }
    }
    task "c" {
      driver = "qemu"
      config {
        image_path = "local/c.img"
        args       = ["-nic", "user,hostfwd=tcp:0.0.0.0:${NOMAD_HOST_PORT_free}-:80,hostfwd=tcp:0.0.0.0:7777-:7"]
      }
    }
  }
}
