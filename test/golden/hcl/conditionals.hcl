simple   = true ? "yes" : "no"
nested   = false ? 1 : true ? 2 : 3
by_text  = "true" ? 1 : 2
# Both results become one type: a number beside text is text, lists of different lengths are lists.
unified  = true ? 1 : "one"
lists    = [for given in [true, false] : given ? [1] : ["a", "b"]]
objects  = false ? { a = 1 } : { b = "x" }
nothing  = true ? null : "x"
# What is not chosen may fail.
guarded  = true ? "fine" : [1, 2][7]
