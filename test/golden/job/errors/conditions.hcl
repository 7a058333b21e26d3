job "conditions" {
  constraint {
    attribute = "${attr.cpu.modelname}"
    regexp    = "(?=EPYC)"
  }

  constraint {
    attribute = "${attr.cpu.modelname}"
    operator  = "regexp"
    value     = "(EPYC|Xeon"
  }

  constraint {
    attribute = "${attr.cpu.modelname}"
    regexp    = "^(.)\\1"
  }

  constraint {
    attribute = "${attr.cpu.modelname}"
    regexp    = "\\p{Klingon}"
  }

  constraint {
    attribute = "${attr.cpu.modelname}"
    regexp    = "(x{100}){100}"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    version   = "^7.2"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    operator  = "version"
    value     = ">= 7.x"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    version   = "== 7.2"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    semver    = "~> 7.2"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    semver    = "> 7.2rc1"
  }

  constraint {
    distinct_property = "${meta.rack}"
    value             = "none"
  }

  constraint {
    attribute        = "${attr.driver.qemu.emulators}"
    set_contains_any = ""
  }

  group "web" {
    task "vm" {
      driver = "qemu"

      constraint {
        distinct_hosts = true
      }

      config {
        image_path = "/srv/images/web.img"
      }
    }
  }
}
