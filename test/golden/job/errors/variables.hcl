variable "no_value" {}

variable "twice" {
  default = 1
}

variable "twice" {
  default = 2
}

variable "typed" {
  type    = number
  default = "hunter2"
}

variable "odd type" {
  type = strin
}

variable "open" {
  type    = any
  default = 1
}

variable "optional" {
  type    = object({ name = optional(string) })
  default = {}
}

variable "bare" {
  type    = list
  default = []
}

variable "computed" {
  default = upper(var.typed)
}

variable "sensitive" {
  default   = "hunter2"
  sensitive = true
}

variable "checked" {
  default = 1

  validation {
    condition     = var.checked > 5
    error_message = "It must be more than 5."
  }

  validation {
    condition     = var.other > 1
    error_message = "no sentence"
  }

  validation {
    error_message = "There is no condition."
  }
}

variables {
  plain = local.a
}

locals {
  a       = local.b
  b       = local.c
  c       = local.a
  self    = [local.self]
  broken  = 1 + "x"
  depends = local.broken
  typo    = local.brokn
  dup     = 1
  dup     = 2
}

job "variables" {
  group "one" {
    count = var.cout

    task "vm" {
      driver = "qemu"

      config {
        image_path = "local/${local.imge}"
        args       = [var.typed, local.depends, var.no_value]
      }

      dynamic "artifact" {
        for_each = 5

        content {}
      }

      dynamic "artifact" {
        iterator = "x"
        content  = {}
      }

      dynamic "artifact" {
        for_each = ["a", "b"]

        content {
          source  = "https://example.org/${artifact.vaule}"
          sources = artifact.key
        }
      }

      dynamic "artefact" {
        for_each = [1]

        content {}
      }
    }
  }
}
