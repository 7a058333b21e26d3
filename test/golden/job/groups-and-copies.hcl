# Two groups: three copies of one, which change two at a time, and one of the other.
job "shop" {
  update {
    max_parallel = 2
  }

  group "web" {
    count = 3

    network {
      port "http" {
        to = 80
      }
    }

    task "vm" {
      driver = "qemu"
      config {
        image_path = "/srv/images/web-${NOMAD_ALLOC_INDEX}.qcow2"
      }
    }
  }

  group "db" {
    # One after the other, as without the block.
    update {
      max_parallel = 1
    }

    task "vm" {
      driver = "qemu"
      config {
        image_path = "/srv/images/db.qcow2"
      }
    }
  }

  group "spare" {
    count = 0

    ephemeral_disk {
      sticky = false
    }

    task "vm" {
      driver = "qemu"
      config {
        image_path = "/srv/images/spare.qcow2"
      }
    }
  }
}
