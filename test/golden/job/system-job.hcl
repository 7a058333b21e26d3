job "sys" {
  type = "system"

  group "one" {
    constraint {
      attribute = "${meta.role}"
      operator  = "is_set"
    }

    constraint {
      attribute        = "${attr.os.name}"
      set_contains_any = "debian"
    }

    constraint {
      distinct_property = "${node.datacenter}"
      value             = "3"
    }

    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
      }
    }
  }
}
