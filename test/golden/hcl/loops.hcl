doubled  = [for n in [1, 2, 3] : n * 2]
indexed  = [for i, name in ["a", "b"] : "${i}-${name}"]
filtered = [for n in [1, 2, 3, 4] : n if n % 2 == 0]
# Maps and objects are gone through in the order of their keys.
entries  = [for key, value in { b = 1, a = 2 } : "${key}=${value}"]
turned   = { for key, value in { a = "x", b = "y" } : value => key }
# `...` gathers all values of a key.
grouped  = { for word in ["apple", "avocado", "banana"] : substr(word, 0, 1) => word... }
nested   = [for a in ["x", "y"] : [for b in [1, 2] : "${a}${b}"]]
of_set   = [for item in setunion(["b", "a"], ["b"]) : item]
several  = [
  for n in [1, 2] :
  {
    number = n
    text   = "n${n}"
  }
  if n > 1
]
keyed = {
  for n in [1] :
  "key-${n}" => n
}
