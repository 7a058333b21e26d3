# Arithmetic binds as everywhere; all numbers are exact far beyond 2^53.
sum        = 1 + 2 * 3 - 4 / 2
grouped    = (1 + 2) * 3
remainder  = [10 % 3, -10.5 % 3, 10 % 0]
exact      = 9007199254740993 + 1
large      = 123456789012345678901234567890 * 10
decimals   = 0.1 + 0.2
third      = 1 / 4
negative   = -(1 + 2)
# Text that holds a number is one where a number is needed, and true and false are told by text, too.
converted  = "2" * "3.5"
compared   = [1 < 2, 2 <= 2, "10" > 9, 1.0 >= 2]
# Values of different types are never equal.
equal      = [1 == 1.0, "1" == 1, "a" == "a", null == null, [1] == [1], { a = 1 } == { a = 1 }]
different  = [1 != 2, "a" != "a"]
logic      = [!true, true && false, true || false, !("true" && "1")]
precedence = 1 + 1 == 2 && !(2 > 3) || false
