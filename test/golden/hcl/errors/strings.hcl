escape    = "\x41"
short     = "\u12"
surrogate = "\ud800"
beyond    = "\U00110000"
nothing   = "${}"
junk      = "${1 2}"
listed    = "a ${[1]}"
mapped    = "a ${ {} }"
null_text = "a ${null}"
null_key  = { (null) = 1 }
variable  = "${var.image}"
local     = local.image
fine      = 1
