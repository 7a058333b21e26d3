job "rules" {
  datacenters = []

  group "one" {
    count = 2

    restart {
      attempts = 1
      interval = "4s"
    }

    network {
      mode = "special"
    }

    constraint {
      attribute = "${attr.driver.qemu.version}"
      version   = ">= 7"
      operator  = "="
    }

    constraint {
      attribute = "${attr.driver.qemu.version}"
      semver    = ">= 7.0.0"
      value     = "7"
    }

    task "a/b" {
      driver = "qemu"
      config {
        image_path = "local/\u0007.img"
        args       = ["a\u0000b"]
      }
      resources {
        cpu = 0
      }
      template {
        data        = "x"
        destination = "local/\u0007"
      }
      artifact {
        source      = "https://example.org/a b"
        destination = "local/\u0007"
      }
      artifact {
        source = "file::https://example.org/a"
      }
      artifact {
        source = "file::relative/a"
      }
      artifact {
        source = "s3::bucket/object"
      }
      artifact {
        source = "ssh://example.org/a"
      }
      artifact {
        source = "github.com/owner"
      }
      artifact {
        source = "https://example.org/a"
        options {
          checksum = "0123"
        }
      }
      artifact {
        source = "https://example.org/a"
        options {
          checksum = "crc32:0123"
        }
      }
      artifact {
        source = "https://example.org/a"
        options {
          checksum = "file:git::https://example.org/a"
        }
      }
    }

    task "twice" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
      }
    }

    task "twice" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
      }
    }
  }

  group "one" {
    max_run_duration = "1h"
  }
}
