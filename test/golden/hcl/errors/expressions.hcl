unknown     = uper("x")
few         = replace("a", "b")
many        = upper("a", "b")
wrong_type  = upper(["a"])
null_arg    = upper(null)
not_number  = 1 + "a"
on_null     = null + 1
on_list     = [1] > 2
not_bool    = !"maybe"
by_zero     = 1 / 0
types       = true ? [1] : { a = 1 }
condition   = 1 ? 2 : 3
missing     = { name = 1 }.nmae
no_item     = ["a", "b"][2]
no_index    = ["a"]["x"]
text_part   = "abc".length
over_text   = [for x in "abc" : x]
over_null   = [for x in null : x]
twice       = { for x in ["a", "a"] : x => 1 }
null_key    = { for x in [1] : null => x }
if_number   = [for x in [1] : x if x]
in_text     = "a ${[1]} ${{ a = 1 }} ${null}"
no_splat    = [1][*].name
expand      = max({ a = 1 }...)
verbs       = format("%d %s", "x")
no_verb     = format("%y", 1)
spare       = format("none", 1)
json        = jsondecode("{\"a\": hunter2}")
address     = cidrhost("10.0.0.0", 1)
date        = formatdate("YYYY", "yesterday")
letters     = formatdate("YYYYY", "2018-01-02T23:12:01Z")
too_many    = range(5000)
password    = bcrypt("x")
file        = file("x.txt")
all_fail    = try(1 + "a", [1][9])
pattern     = regex_replace("a", "(", "b")
look_ahead  = regex_replace("a", "a(?=b)", "b")
bad_convert = convert("x", numbr)
not_fit     = convert(["x"], list(number))
