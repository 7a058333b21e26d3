chomp      = chomp("line\n\r\n")
format     = format("%s has %d, %05.1f, %x, %q and %v", "it", 3, 2.25, 255, "a<b", [1, null])
wide       = format("[%6s|%-6s|%06d|%+d]", "ä", "b", 42, 7)
ordered    = format("%[2]s %[1]s%%", "a", "b")
formatlist = formatlist("%s-%s", ["a", "b"], "x")
indent     = indent(2, "a\nb")
join       = join(", ", ["a", "b"], ["c"])
lower      = lower("ÄB")
replace    = replace("a-b-c", "-", "+")
# The syntax of patterns is Go's; what matched is put in by $1 and $${name}, whose $ is doubled before a brace.
by_pattern = regex_replace("disk-12 disk-7", "disk-([0-9]+)", "[$1]")
by_name    = regex_replace("a=1", "(?P<key>\\w)=(?P<value>\\w)", "$${value}=$${key}")
# Both turn text around.
reverse    = [reverse("abc"), strrev("äbc")]
split      = split(",", "a,b,")
# Characters are counted as people see them.
strlen     = strlen("é🤦🏽‍♂️")
substr     = [substr("hello", 1, 3), substr("hello", -3, 2), substr("hello", 1, -1)]
title      = title("hello wörld")
trim       = [trim("xxaxx", "x"), trimprefix("foobar", "foo"), trimsuffix("foobar", "bar"), trimspace(" a ")]
upper      = upper("straße")
