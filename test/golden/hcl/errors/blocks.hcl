job "web"
{
  a = 1
}
group "web"
"task" "vm" {
  a = 1
}
port { static = 1, to = 2, host_network = "a" }
port { static = 1
}
port { static = 1 to = 2 }
network { port "ssh" { static = 22 } }
task "a" {
  driver = "qemu" }
task "${name}" {
} service {
}
}
fine = 1
