a = 1
b = <<EOT
no end
  EOTX
