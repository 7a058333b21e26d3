yes     = true
no      = false
nothing = null

integer  = 42
negative = -7
fraction = 1.50
exponent = 15e-1
large    = 123456789012345678901234567890

list       = ["a", 1, true, null,]
several    = [
  "a",
  ["b"],
]
empty_list = []

object       = { a = 1, "b" : "two", c = { d = [] } }
lines        = {
  a = 1
  "b c" = 2,

  3 = 3
  (true) = 4
}
empty_object = {}

parentheses = (
  (1)
)
