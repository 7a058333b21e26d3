index       = ["a", "b"][1]
by_text     = ["a", "b"]["1"]
computed    = ["a", "b", "c"][1 + 1]
attribute   = { a = { b = 2 } }.a.b
quoted      = { "a b" = 1 }["a b"]
of_call     = split(",", "x,y")[0]
legacy      = [["a"], ["b"]].1[0]
# A splat takes what stands behind it of each item; one of what is no list is that of a list of one.
splat       = [{ id = 1 }, { id = 2 }][*].id
legacy_all  = [{ id = 1 }, { id = 2 }].*.id
deep        = [{ ports = [{ n = 1 }] }, { ports = [{ n = 2 }] }][*].ports[0].n
of_one      = { id = 7 }[*].id
of_null     = null[*].id
lists       = [[1, 2], [3]][*][0]
first_of    = [{ id = 1 }, { id = 2 }].*.id[0]
