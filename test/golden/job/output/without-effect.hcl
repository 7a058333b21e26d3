# What has no effect on one host, and goes into the JSON of paddock job run -output all the same.
job "web" {
  all_at_once = true
  node_pool   = "edge"

  affinity {
    attribute = "${node.datacenter}"
    value     = "dc1"
    weight    = 100
  }

  affinity {
    attribute = "${attr.kernel.version}"
    version   = ">= 6"
    weight    = -50
  }

  spread {
    attribute = "${meta.rack}"
    weight    = 80

    target "r1" {
      percent = 70
    }

    target "r2" {
      percent = 30
    }
  }

  update {
    stagger           = "1m"
    max_parallel      = 2
    health_check      = "task_states"
    progress_deadline = "20m"
  }

  migrate {
    max_parallel = 3
  }

  reschedule {
    delay = "1m"
  }

  multiregion {
    strategy {
      max_parallel = 1
      on_failure   = "fail_all"
    }

    region "west" {
      count       = 2
      datacenters = ["west-1"]
      meta {
        my-key = "west"
      }
    }
  }

  ui {
    description = "A *web* server"

    link {
      label = "Page"
      url   = "https://example.org/"
    }
  }

  group "machines" {
    stop_after_client_disconnect = "5m"

    affinity {
      attribute    = "${attr.cpu.arch}"
      set_contains = "amd64"
    }

    spread {
      attribute = "${node.unique.id}"
    }

    update {
      max_parallel = 1
      auto_revert  = true
      canary       = 1
    }

    migrate {
      min_healthy_time = "30s"
    }

    reschedule {
      attempts       = 3
      interval       = "1h"
      delay_function = "fibonacci"
      unlimited      = false
    }

    restart {
      attempts         = 1
      render_templates = true
    }

    scaling {
      max = 5

      policy {
        cooldown = "2m"
        source   = "prometheus"
      }
    }

    consul {
      namespace = "web"
    }

    network {
      mbits = 100

      port "http" {
        to = 80
      }
    }

    service {
      name                = "web"
      port                = "http"
      address             = "192.0.2.1"
      canary_tags         = ["canary"]
      enable_tag_override = true

      meta {
        team = "a"
      }

      canary_meta {
        team = "b"
      }

      tagged_addresses {
        wan = "198.51.100.1"
      }

      weights {
        passing = 10
      }

      check {
        type                    = "tcp"
        interval                = "10s"
        timeout                 = "2s"
        failures_before_warning = 2
        notes                   = "asks"
      }
    }

    task "vm" {
      driver = "qemu"

      config {
        image_path = "/images/linux.img"
      }

      affinity {
        attribute = "${meta.rack}"
        operator  = "regexp"
        value     = "^r"
      }

      resources {
        iops    = 5
        secrets = 10
      }
    }
  }
}
