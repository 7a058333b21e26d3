no_comma = [
  "a"
  "b",
  "c"
]
hole     = ["a",, "b"]
same     = ["a" "b"]
extra    = ["a"]]
no_key   = {, }
no_sign  = { a 1 }
no_value = { a = }
no_break = { a = 1 b = 2 }
path_key = { a.b = 1 }
twice    = {
  a = 1
  a = 2
}
fine     = 1
