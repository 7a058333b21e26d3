job "templates" {
  group "machines" {
    task "vm" {
      driver = "qemu"

      config {
        image_path = "local/linux.img"
        args       = ["-fw_cfg", "name=opt/serial,string=${SERIAL}", "-cdrom", "local/seed.iso"]
      }

      env {
        OWNER = "ops"
      }

      template {
        data        = <<-EOT
          #cloud-config
          hostname: {{ env "NOMAD_ALLOC_NAME" }}
          {{- with env "OWNER" }}
          owner: {{ . | toUpper }}
          {{- end }}
        EOT
        destination = "local/user-data"
      }

      template {
        source               = "local/site.tpl"
        destination          = "${NOMAD_TASK_DIR}/site.conf"
        perms                = "0600"
        uid                  = 1000
        gid                  = 1000
        left_delimiter       = "<%"
        right_delimiter      = "%>"
        error_on_missing_key = true
        once                 = true
        change_mode          = "signal"
        splay                = "1m"

        wait {
          min = "5s"
          max = "10s"
        }
      }

      template {
        data        = "SERIAL=17"
        destination = "secrets/serial.env"
        env         = true
        change_mode = "noop"
      }

      template {
        data          = "x"
        destination   = "local/x"
        change_mode   = "script"
        change_signal = "sigusr1"

        wait {
          min = "5s"
          max = "5s"
        }

        change_script {
          command = "/bin/true"
          args    = ["-x"]
        }
      }
    }
  }
}
