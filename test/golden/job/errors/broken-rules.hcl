job "my job" {
  datacenters = ["", "dc1"]
  priority    = 0

  constraint {
    attribute = "${driver.qemu.version}"
    operator  = "=>"
    value     = "1"
  }

  constraint {
    attribute = "$attr.kernel.name"
    value     = "linux"
  }

  constraint {
    operator = "is_set"
    value    = "x"
  }

  constraint {
    attribute = "${attr.os.name}"
    regexp    = "(unclosed"
    version   = "> 1"
  }

  group "a,b" {
    restart {
      attempts = 10
      interval = "1m"
    }

    ephemeral_disk {
      size = 50
    }

    network {
      hostname = "-nope-"
      dns {
        searches = ["example.org,guestfwd=tcp:10.0.2.1:1-cmd:id"]
      }
      port "ssh" {
        static = 22
      }
      port "ssh" {
        to = 70000
      }
      port "web" {
        static = 22
      }
    }

    task ".." {
      driver = "qemu"

      config {
        image_path      = ""
        accelerator     = "tcg,kernel=/etc/shadow"
        machine_type    = "pc,accel=kvm"
        emulator        = "../bin/sh"
        drive_interface = "nvme"
        disk            = "direct"
        disk_size       = "20GB"
        port_map {
          http = 80
        }
      }

      artifact {
        source      = "local-file.img"
        destination = "local/../../../etc"
        options {
          checksum = "file:SHA256SUMS"
        }
      }

      artifact {
        source = "https://example.org/a.img"
        options {
          checksum = "sha1:xyz"
        }
      }

      constraint {
        distinct_hosts = true
      }

      restart {
        attempts = 0
        mode     = "delay"
      }

      resources {
        cpu        = 500
        cores      = 2
        memory     = 64
        memory_max = 32
      }
    }
  }
}
