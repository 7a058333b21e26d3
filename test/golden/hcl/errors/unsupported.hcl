call        = upper("x")
nested      = upper(lower("x"))
in_template = "a ${upper("x")} b"
sum         = 1 + 2
not         = !true
minus       = -x
compare     = a == 1 ? "x" : "y"
conditional = true ? "x" : "y"
list_for    = [for x in y : x]
object_for  = { for k, v in m : k => v }
splat       = a[*].b
dot_splat   = a.*.b
indexed     = [1, 2][0]
directive   = "%{if true}x%{else}y%{endif}"
sums        = 1 + 2 * 3
mixed       = upper("x") + 1
fine        = 1
