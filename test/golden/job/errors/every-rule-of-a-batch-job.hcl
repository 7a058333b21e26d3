job "batch" {
  type = "batch"

  group "one" {
    max_run_duration = "0s"

    update {
      max_parallel = 2
    }

    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
      }
    }
  }
}
