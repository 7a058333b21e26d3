# The defaults of what has no effect hang on the type of the job.
job "once" {
  type = "batch"

  group "plain" {
    task "vm" {
      driver = "qemu"

      config {
        image_path = "/images/linux.img"
      }
    }
  }

  group "said" {
    migrate {
      max_parallel = 2
    }

    reschedule {
      attempts = 5
    }

    update {
      max_parallel = 3
    }

    disconnect {
      lost_after = "6h"
      replace    = false
    }

    task "vm" {
      driver = "qemu"

      config {
        image_path = "/images/linux.img"
      }
    }
  }
}
