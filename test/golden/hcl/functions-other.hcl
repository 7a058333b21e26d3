abs          = [abs(-1.5), ceil(1.2), floor(-1.2), signum(-3)]
powers       = [pow(2, 10), log(100, 10)]
extremes     = [max(1, 5, 3), min(2, "0.5")]
parseint     = [parseint("ff", 16), parseint("-1010", 2), parseint("zZ", 62)]
base64       = [base64encode("héllo"), base64decode("aGk=")]
csvdecode    = csvdecode("name,port\nweb,80\n\"a,b\",443\n")
json         = [jsonencode({ b = [1.50, null], a = "<&>" }), jsondecode("{\"n\":9007199254740993}").n]
yamldecode   = yamldecode(<<-EOT
  base: &base { image: "a.img", size: 2 }
  web:
    <<: *base
    size: 0x10
    on: yes
    since: 2001-12-14 21:59:43.10
  notes: |
    one
    two
EOT
)
yamlencode   = yamlencode({ users = [{ name = "root", keys = ["a", "b"] }], script = "#!/bin/sh\necho hi\n", size = 1.50, none = null, empty = [] })
urlencode    = urlencode("a b&c=d/é")
hashes       = [md5("a"), sha1("a"), sha256("a")]
sha512       = sha512("a")
uuidv5       = uuidv5("dns", "example.com")
cidrhost     = [cidrhost("10.12.127.0/20", 16), cidrhost("10.0.0.0/8", -2), cidrhost("fd00::/64", 34), cidrhost("fd00::/64", 9007199254740993)]
cidrnetmask  = cidrnetmask("172.16.0.0/12")
cidrsubnet   = cidrsubnet("172.16.0.0/12", 4, 2)
cidrsubnets  = cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)
formatdate   = formatdate("D MMM YYYY, hh:mm ZZZ 'at' EEEE", "2018-01-02T23:12:01Z")
timeadd      = timeadd("2018-01-02T23:12:01+02:00", "-1h30m")
try          = [try(1 + "a", "fallback"), can(1 + "a"), can(1 + "1")]
convert      = [convert("5", number), convert([1, "a"], list(string)), convert({ a = "1" }, object({ a = number }))]
