plain = <<EOT
First line
  keeps its spaces, \n its backslashes and "quotes",
and ${"interpolates"} but $${not_here}.
EOT

indented = <<-EOT
    The least indented line
      sets how much is taken away.

    Blank lines do not count.
    EOT

item = [<<A
one
A
, "two"]

empty = <<EOT
EOT

stripped = <<EOT
  a
  ${~ "b" ~}
  c
EOT
