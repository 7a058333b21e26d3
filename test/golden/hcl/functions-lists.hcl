chunklist    = chunklist(["a", "b", "c"], 2)
coalesce     = coalesce(null, 1, "a")
coalescelist = coalescelist([], ["a"])
compact      = compact(["a", "", null, "b"])
concat       = concat(["a"], [1], [])
contains     = [contains(["a"], "a"), contains(["1"], 1)]
distinct     = distinct(["a", "b", "a"])
element      = [element(["a", "b"], 3), element(["a", "b"], -1)]
flatten      = flatten([["a"], [["b"], []], "c"])
index        = index(["a", "b"], 1)
keys         = keys({ b = 1, a = 2 })
length       = length(["a", "b"])
lookup       = [lookup({ a = "x" }, "a", "none"), lookup({ a = "x" }, "b", "none")]
merge        = merge({ a = 1, b = 1 }, null, { b = 2 })
range        = [range(3), range(1, 10, 4), range(3, 0)]
setproduct   = setproduct(["a", "b"], [1, 2])
sets         = [setunion(["b"], ["a", "b"]), setintersection([1, 2, 3], [3, 2])]
slice        = slice(["a", "b", "c"], 1, 3)
sort         = sort(["b", "a", "C"])
values       = values({ b = 1, a = 2 })
zipmap       = zipmap(["a", "b"], [1, "x"])
# `...` gives the items of a list as arguments.
expanded     = max([1, 5, 3]...)
