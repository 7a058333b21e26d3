# A block has a type, any number of labels (quoted or bare), and a body in braces.
job "web" {
  group frontend {
    task "vm" "spare" {}
  }
}

# One attribute may stand on the line of the braces.
port "ssh" { static = 22 }

// A label is plain text; escapes count.
label "tab\there $${as is}" {
}
