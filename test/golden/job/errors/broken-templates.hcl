job "broken" {
  group "machines" {
    task "vm" {
      driver = "qemu"

      config {
        image_path = "local/linux.img"
      }

      template {}

      template {
        data        = "a"
        source      = "local/a"
        destination = "../other/x"
      }

      template {
        data        = "a"
        destination = "/etc/passwd"
        perms       = "4755"
      }

      template {
        data        = "a"
        destination = "local/../../x"
        perms       = "rw"
        splay       = "-1s"
      }

      template {
        data        = "a"
        destination = "local/"
        change_mode = "sometimes"
      }

      template {
        source      = "/etc/shadow"
        destination = "local/a"
        env         = true
        uid         = "root"
      }

      template {
        data        = "a"
        destination = "local//a"
      }

      template {
        data          = "A=1"
        destination   = "local/env"
        env           = true
        change_mode   = "signal"
        change_signal = ""
      }

      template {
        data        = "a"
        destination = "local/script"
        change_mode = "script"

        wait {
          min = "9s"
          max = "1s"
        }
      }

      template {
        data        = <<-EOT
          password: hunter2
          {{ with secret "kv/data/db" }}{{ .Data.password }}{{ end }}
          {{ keyy "hunter2" }}
          {{ nomadVar "hunter2" }}
        EOT
        destination = "local/user-data"
      }

      template {
        data        = "hunter2 {{ if }}"
        destination = "local/if"
      }

      template {
        dta         = "hunter2"
        destination = "local/dta"
      }

      template {
        data        = "hunter2"
        destination = "local/whole.part"
      }

      template {
        data        = "hunter2"
        destination = "local/whole"
      }
    }
  }
}
