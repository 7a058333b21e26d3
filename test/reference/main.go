// Command reference answers what Nomad's own parser makes of job files, so that ours can be compared with it.
// It reads one JSON object for each job file and writes one line of JSON for each: the job, or the error.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"text/template"

	"github.com/hashicorp/nomad/jobspec2"
)

// request is a job file with what is given for its variables.
type request struct {
	Text string
	// Vars are NAME=VALUE, as behind -var.
	Vars []string
	// Env are NOMAD_VAR_NAME=VALUE.
	Env []string
	// Files are the paths of files of variables.
	Files []string
	// Pattern, where it is set, is a regular expression for Subject, and Template what its matches become.
	Pattern, Subject, Template string
	// Canonical asks for the job with what Nomad's client fills in.
	Canonical bool
	// Actions, where it is set, is a template of text/template.
	Actions string
}

type answer struct {
	Job   any    `json:",omitempty"`
	Error string `json:",omitempty"`
	// Groups are those of the first match.
	Groups   []string `json:",omitempty"`
	Replaced string   `json:",omitempty"`
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	requests := json.NewDecoder(bufio.NewReader(os.Stdin))
	answers := json.NewEncoder(out)
	for {
		var r request
		if err := requests.Decode(&r); err == io.EOF {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		found := answer{}
		if r.Actions != "" {
			found = render(r)
		} else if r.Pattern != "" {
			found = match(r)
		} else {
			found = parse(r)
		}
		if err := answers.Encode(found); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func match(r request) answer {
	pattern, err := regexp.Compile(r.Pattern)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{
		Groups:   pattern.FindStringSubmatch(r.Subject),
		Replaced: pattern.ReplaceAllString(r.Subject, r.Template),
	}
}

// render knows two functions of consul-template's besides Go's own, so that there are lists and maps, and renders of nothing, as it does.
func render(r request) answer {
	functions := template.FuncMap{
		"split": func(sep, s string) []string { return strings.Split(s, sep) },
		"parseJSON": func(s string) (data any, err error) {
			err = json.Unmarshal([]byte(s), &data)
			return
		},
	}
	parsed, err := template.New("").Funcs(functions).Option("missingkey=zero").Parse(r.Actions)
	if err != nil {
		return answer{Error: err.Error()}
	}
	var out strings.Builder
	if err := parsed.Execute(&out, nil); err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Replaced: out.String()}
}

// parse takes a panic of the parser for an error: it ends Nomad's command as well.
func parse(r request) (found answer) {
	defer func() {
		if panicked := recover(); panicked != nil {
			found = answer{Error: fmt.Sprint("panic: ", panicked)}
		}
	}()
	job, err := jobspec2.ParseWithConfig(&jobspec2.ParseConfig{
		Path:     "/nonexistent/job.hcl",
		Body:     []byte(r.Text),
		Strict:   true,
		ArgVars:  r.Vars,
		Envs:     r.Env,
		VarFiles: r.Files,
	})
	if err != nil {
		return answer{Error: err.Error()}
	}
	if r.Canonical {
		job.Canonicalize()
	}
	return answer{Job: job}
}
