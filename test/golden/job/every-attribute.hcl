job "every" {
  id          = "every-one"
  name        = "Every attribute"
  type        = "batch"
  region      = "eu"
  namespace   = "lab"
  datacenters = ["dc1", "dc*"]
  priority    = 70

  meta {
    owner = "ops"
  }

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    version   = ">= 7.2, < 10"
  }

  group "machines" {
    count          = 0
    shutdown_delay = "1m30s"
    meta           = { rack = 7 }

    constraint {
      distinct_hosts = true
    }

    network {
      mode     = "host"
      hostname = "vm.example.org"

      dns {
        servers  = ["10.0.0.53"]
        searches = ["example.org"]
        options  = ["ndots:2"]
      }

      port "http" {
        to = 80
      }

      port "ssh" {
        static = 2222
        to     = 22
      }
    }

    restart {
      attempts = 5
      interval = "10m"
      mode     = "delay"
    }

    service {
      name     = "${TASKGROUP}-web"
      provider = "nomad"
      port     = "http"
      tags     = ["rack-${meta.rack}"]

      check_restart {
        limit = 3
        grace = "90s"
      }

      check {
        type          = "http"
        path          = "/health?full=1"
        method        = "HEAD"
        protocol      = "https"
        interval      = "10s"
        timeout       = "2s"
        body          = "ping"
        on_update     = "require_healthy"
        tls_skip_verify = true

        header {
          Authorization = ["Basic c2VjcmV0"]
          X-Node        = ["${node.unique.name}"]
        }
      }

      check {
        name      = "alive"
        type      = "TCP"
        port      = "ssh"
        task      = "vm"
        interval  = "5s"
        timeout   = 1000000000

        check_restart {
          limit = 1
        }
      }
    }

    ephemeral_disk {
      size    = 500
      migrate = false
    }

    task "vm" {
      driver         = "qemu"
      kill_timeout   = 20000000000
      kill_signal    = "SIGTERM"
      shutdown_delay = "250ms"
      leader         = true

      config {
        image_path        = "local/disk.qcow2"
        accelerator       = "tcg"
        machine_type      = "q35"
        emulator          = "qemu-system-aarch64"
        drive_interface   = "virtio"
        graceful_shutdown = "true"
        guest_agent       = true
        disk              = "copy"
        disk_size         = "20GiB"
        args              = ["-smp", 2, "-device", "virtio-rng-pci,bus=${NOMAD_META_bus}"]

        port_map {
          ssh  = 22
          http = 8080
        }

        port_map {
          http = 80
        }
      }

      env = {
        MODE        = "test"
        VERBOSE     = true
        RATIO       = 1.50
        constructor = "kept"
      }

      meta {
        bus = "pcie.0"
      }

      restart {
        delay = "5s"
      }

      artifact {
        source      = "https://files.example.org/disk.qcow2?archive=false"
        destination = "local/disk.qcow2"
        mode        = "file"
        insecure    = true

        options {
          checksum = "sha256:${meta.digest}"
        }

        headers {
          X-Token = "${env["TOKEN"]}"
        }
      }

      artifact {
        source = "http://files.example.org/seed.iso"
        mode   = "file"
      }

      resources {
        cores      = 2
        memory     = "512"
        memory_max = 1024

        network {
          port "console" {}
        }
      }

      service {
        name      = "${TASK}-${NOMAD_ALLOC_INDEX}"
        provider  = "nomad"
        on_update = "ignore"
        port      = "8080"

        check {
          type           = "tcp"
          address_mode   = "host"
          initial_status = "passing"
          interval       = "30s"
          timeout        = "5s"
        }
      }

      logs {
        max_files     = 3
        max_file_size = 5
        enabled       = true
      }
    }
  }
}
