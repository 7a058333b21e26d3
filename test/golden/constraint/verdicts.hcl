# What constraints say of one host: verdicts.txt, line by line. The host is in test/unit/constraint/golden.test.ts.
job "verdicts" {
  datacenters = ["dc1"]

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  constraint {
    attribute = "${attr.kernel.name}"
    operator  = "!="
    value     = "linux"
  }

  constraint {
    attribute = "${attr.kernel.nam}"
    value     = "linux"
  }

  constraint {
    attribute = "kernel.name"
    value     = "linux"
  }

  # The example of Nomad's documentation.
  constraint {
    attribute = "${driver.qemu.version}"
    operator  = ">"
    value     = "1.2.3"
  }

  # Nomad compares these byte by byte.
  constraint {
    attribute = "${attr.driver.qemu.version}"
    operator  = ">"
    value     = "10.0.0"
  }

  constraint {
    attribute = "${attr.cpu.numcores}"
    operator  = ">="
    value     = "16"
  }

  constraint {
    attribute = "${attr.cpu.arch}"
    operator  = "<"
    value     = "64"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    version   = ">= 7, != 7.2.22, < 7.2"
  }

  constraint {
    attribute = "${meta.candidate}"
    version   = ">= 8"
  }

  constraint {
    attribute = "${meta.candidate}"
    semver    = ">= 8"
  }

  constraint {
    attribute = "${attr.kernel.name}"
    version   = ">= 6"
  }

  constraint {
    attribute = "${attr.driver.qemu.version}"
    operator  = "version"
    value     = "${meta.wanted}"
  }

  constraint {
    attribute = "${attr.cpu.modelname}"
    regexp    = "(?i)epyc"
  }

  constraint {
    attribute = "${attr.cpu.modelname}"
    regexp    = "^Intel"
  }

  constraint {
    attribute    = "${attr.driver.qemu.emulators}"
    set_contains = "x86_64, aarch64"
  }

  constraint {
    attribute = "${attr.driver.qemu.emulators}"
    operator  = "set_contains_any"
    value     = "ppc,s390x"
  }

  constraint {
    attribute = "${attr.driver.qemu.kvm}"
    operator  = "is_set"
  }

  constraint {
    attribute = "${meta.retired}"
    operator  = "is_not_set"
  }

  constraint {
    attribute = "${meta.rack}"
    operator  = "!="
    value     = "${meta.row}"
  }

  constraint {
    distinct_hosts = true
  }

  constraint {
    distinct_property = "${meta.rack}"
  }

  constraint {
    distinct_property = "${meta.row}"
  }

  group "web" {
    constraint {
      attribute = "${node.class}"
      value     = "large"
    }

    task "vm" {
      driver = "qemu"

      constraint {
        attribute = "${node.unique.name}"
        regexp    = "^barn"
      }

      config {
        image_path = "/srv/images/web.img"
      }
    }
  }
}
