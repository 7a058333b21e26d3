string   = "abc
list     = ["a", "b"
template = "${attr.x"
open     = "${attr.x
call     = foo("a",
index    = a["x"
group    = (1
task "vm {
  driver = "qemu"
}
object   = {
  a = 1
