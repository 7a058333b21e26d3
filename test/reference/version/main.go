// Command version answers, by HashiCorp's go-version and Go's own regexp and strconv, what the tests of src/constraint and
// src/regexp compare themselves with. It reads a JSON list of [operator, left, right] and prints a digit for each:
// 1 the left side is one of its kind, 2 the right side is, 4 the condition holds.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/go-version"
)

const (
	leftIsValid = 1 << iota
	rightIsValid
	holds
)

func main() {
	var cases [][3]string
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	answers := make([]byte, len(cases))
	for i, c := range cases {
		answers[i] = '0' + byte(answer(c[0], c[1], c[2]))
	}
	os.Stdout.Write(answers)
}

func answer(operator, left, right string) int {
	switch operator {
	case "version":
		conditions, err := version.NewConstraint(right)
		return bits(left, err == nil, func(v *version.Version) bool { return conditions.Check(v) })
	case "semver":
		conditions, err := parseConditions(right)
		return bits(left, err == nil, func(v *version.Version) bool {
			for _, condition := range conditions {
				if !condition.meets(v) {
					return false
				}
			}
			return true
		})
	case "regexp":
		expression, err := regexp.Compile(right)
		if err != nil {
			return leftIsValid
		}
		return leftIsValid | rightIsValid | when(expression.MatchString(left))
	default:
		return leftIsValid | rightIsValid | when(inOrder(operator, left, right))
	}
}

func bits(left string, rightOk bool, check func(*version.Version) bool) int {
	result := 0
	if rightOk {
		result |= rightIsValid
	}
	v, err := version.NewVersion(left)
	if err != nil {
		return result
	}
	result |= leftIsValid
	if rightOk {
		result |= when(check(v))
	}
	return result
}

func when(ok bool) int {
	if ok {
		return holds
	}
	return 0
}

// condition is one of operator semver: go-version's order without its rule about prereleases.
type condition struct {
	operator string
	version  *version.Version
}

var conditionPattern = regexp.MustCompile(`^\s*(|=|!=|>|<|>=|<=)\s*(` + version.SemverRegexpRaw + `)\s*$`)

func parseConditions(list string) ([]condition, error) {
	var conditions []condition
	for _, item := range strings.Split(list, ",") {
		found := conditionPattern.FindStringSubmatch(item)
		if found == nil {
			return nil, fmt.Errorf("%q is no condition", item)
		}
		v, err := version.NewSemver(found[2])
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, condition{found[1], v})
	}
	return conditions, nil
}

func (c condition) meets(v *version.Version) bool {
	switch c.operator {
	case "", "=":
		return v.Equal(c.version)
	case "!=":
		return !v.Equal(c.version)
	default:
		order := v.Compare(c.version)
		return compare(c.operator, order, 0)
	}
}

// inOrder compares as integers, else as floats, else as text.
func inOrder(operator, left, right string) bool {
	leftInteger, leftErr := strconv.ParseInt(left, 10, 64)
	rightInteger, rightErr := strconv.ParseInt(right, 10, 64)
	if leftErr == nil && rightErr == nil {
		return compare(operator, leftInteger, rightInteger)
	}
	leftFloat, leftErr := strconv.ParseFloat(left, 64)
	rightFloat, rightErr := strconv.ParseFloat(right, 64)
	if leftErr == nil && rightErr == nil {
		return compare(operator, leftFloat, rightFloat)
	}
	return compare(operator, left, right)
}

func compare[T int | int64 | float64 | string](operator string, left, right T) bool {
	switch operator {
	case "<":
		return left < right
	case "<=":
		return left <= right
	case ">":
		return left > right
	default:
		return left >= right
	}
}
