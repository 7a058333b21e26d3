# Every operator of Nomad's constraints, and its short forms.
job "constraints" {
  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    operator  = ">="
    value     = "7.2"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    version   = ">= 7.2, != 8.0.0, ~> 7"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    semver    = ">= 7.2.0-rc1"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    operator  = "version"
    value     = "${meta.wanted}"
  }

  constraint {
    attribute = "${attr.cpu.modelname}"
    regexp    = "(?i)epyc|xeon\\b"
  }

  constraint {
    attribute    = "${attr.driver.qemu.emulators}"
    set_contains = "x86_64,aarch64"
  }

  constraint {
    attribute = "${attr.driver.qemu.emulators}"
    operator  = "set_contains_any"
    value     = "x86_64,i386"
  }

  constraint {
    attribute = "${meta.retired}"
    operator  = "is_not_set"
  }

  constraint {
    distinct_hosts = false
  }

  constraint {
    operator = "distinct_hosts"
  }

  constraint {
    distinct_property = "${meta.rack}"
    value             = "2"
  }

  group "web" {
    constraint {
      attribute = "${node.class}"
      operator  = "not"
      value     = "small"
    }

    task "vm" {
      driver = "qemu"

      constraint {
        attribute = "${attr.driver.qemu.kvm}"
        operator  = "is_set"
      }

      config {
        image_path = "/srv/images/web.img"
      }
    }
  }
}
