module paddock.test/reference/version

go 1.26

require github.com/hashicorp/go-version v1.9.0
