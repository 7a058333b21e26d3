job "scaled" {
  group "least" {
    scaling {
      min = 3
      max = 5

      policy {
        cooldown = "2m"
        target   = { a = { b = 1 }, c = [{ d = 2 }] }

        check "load" "one" {
          source = "prometheus"

          strategy "target-value" {
            target = 70
          }
        }

        check "load" "two" {}
      }
    }

    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/disk.img"
      }
    }
  }

  group "none" {
    scaling {
      min = 0
      max = 2
    }

    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/disk.img"
      }
    }
  }

  group "counted" {
    count = 2

    scaling {
      min = 1
      max = 4
    }

    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/disk.img"
      }
    }
  }
}
