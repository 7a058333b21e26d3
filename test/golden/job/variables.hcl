# Values that change from host to host are variables: -var size=4, -var-file site.hcl, PADDOCK_VAR_size or NOMAD_VAR_size set them.
variable "size" {
  type        = number
  default     = 2
  description = "GiB of memory"

  validation {
    condition     = var.size >= 1 && var.size <= 64
    error_message = "The machine needs 1 to 64 GiB."
  }
}

variable "disks" {
  type    = list(object({ name = string, url = string }))
  default = [{ name = "data", url = "https://files.example.org/data.img" }]
}

variable "ports" {
  type    = map(number)
  default = { web = 80, admin = 8080 }
}

# A short form, without types of their own.
variables {
  region = "eu"
  image  = "linux.img"
}

# Locals are names for what is computed; they may stand in any order.
locals {
  memory = var.size * local.mebibytes
  labels = [for name, guest in var.ports : name if guest < 1024]
}

locals {
  mebibytes = 1024
  env = merge(
    { REGION = upper(var.region) },
    { for name, guest in var.ports : "PORT_${upper(name)}" => guest },
  )
}

job "variables" {
  datacenters = ["dc-${var.region}"]

  meta = {
    labels = join(",", local.labels)
  }

  group "one" {
    count = var.size > 0 ? 1 : 0

    network {
      # One block for each entry; its key is the label.
      dynamic "port" {
        for_each = var.ports
        labels   = [port.key]

        content {
          to = port.value
        }
      }
    }

    task "vm" {
      driver = "qemu"
      env    = local.env

      config {
        image_path = "local/${var.image}"
        args       = concat(["-name", "${NOMAD_ALLOC_NAME}"], var.size > 1 ? ["-smp", "${var.size}"] : [])


        port_map {
          web   = var.ports.web
          admin = var.ports["admin"]
        }
      }

      dynamic "artifact" {
        for_each = var.disks
        iterator = disk

        content {
          source      = disk.value.url
          destination = "local/${disk.value.name}-${disk.key}"

          dynamic "options" {
            for_each = substr(disk.value.url, -4, 4) == ".img" ? [1] : []

            content {
              archive = false
            }
          }
        }
      }

      resources {
        memory = local.memory
      }
    }
  }
}
