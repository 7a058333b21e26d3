half        = 1 +
colon       = true ? 1
for_in      = [for x of [1] : x]
for_colon   = [for x in [1] x]
for_arrow   = { for x in [1] : x }
for_key     = [for x in [1] : x => 1]
directive   = "%{unless x}a%{endunless}"
open_if     = "%{if true}a"
stray_end   = "a%{endif}"
wrong_end   = "%{if true}%{endfor}"
two_else    = "%{if true}a%{else}b%{else}c%{endif}"
call_comma  = max(1 2)
call_end    = max([1]..., 2)
dots        = a...b
legacy      = a.0.1
nested      = a.*.b.*.c
fine        = 1
