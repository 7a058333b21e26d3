job "scaled" {
  group "least" {
    scaling {
      min = 3
      max = 5
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
