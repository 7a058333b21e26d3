empty =
only_name
"quoted" = 1
"quoted_json": 2
colon: 3
equals == 4
dotted.name = 5
twice = 6
twice = 7
comma = 8,
unit = 30s
large = 1e999
two = 1 2
text = "a" "b"
single = 'a'
semicolon = 1;
= 1
@
braces = }
fine = 1
