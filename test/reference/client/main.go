// Program client talks to a running agent by Nomad's own Go client and says in lines of JSON what it was told.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"
)

// request is what the test asks for.
type request struct {
	Address string
	JobHCL  string
	// A text that the guest writes on its console.
	Expect string
}

// patience is how long anything may take that a guest does in emulation.
const patience = 2 * time.Minute

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func say(what string, value any) error {
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"what": what, "value": value})
}

func run() error {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	client, err := api.NewClient(&api.Config{Address: asked.Address})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	_, meta, err := client.Jobs().List(nil)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	topics := map[api.Topic][]string{api.TopicAll: {"*"}}
	events, err := client.EventStream().Stream(ctx, topics, meta.LastIndex+1, nil)
	if err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	job, err := client.Jobs().ParseHCL(asked.JobHCL, true)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	if _, _, err := client.Jobs().Register(job, nil); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	alloc, err := follow(events, api.AllocClientStatusRunning)
	if err != nil {
		return err
	}
	if err := files(client, alloc, asked.Expect); err != nil {
		return err
	}
	if err := lists(client, alloc); err != nil {
		return err
	}
	if err := node(client, alloc); err != nil {
		return err
	}
	if err := drain(ctx, client, alloc); err != nil {
		return err
	}
	for _, state := range []string{api.AllocClientStatusComplete, api.AllocClientStatusRunning} {
		if _, err := follow(events, state); err != nil {
			return err
		}
	}
	if _, _, err := client.Jobs().Deregister(*job.ID, true, nil); err != nil {
		return fmt.Errorf("deregister: %w", err)
	}
	if _, err := follow(events, api.AllocClientStatusComplete, api.AllocClientStatusFailed); err != nil {
		return err
	}
	return nil
}

// follow reads events until an allocation has one of the given states.
func follow(events <-chan *api.Events, states ...string) (*api.Allocation, error) {
	var told []string
	var found *api.Allocation
	for batch := range events {
		if batch.Err != nil {
			return nil, fmt.Errorf("events: %w", batch.Err)
		}
		if batch.IsHeartbeat() {
			continue
		}
		for _, event := range batch.Events {
			line, alloc, err := describe(event)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", event.Topic, event.Type, err)
			}
			told = append(told, line)
			if alloc != nil && slices.Contains(states, alloc.ClientStatus) {
				found = alloc
			}
		}
		if found != nil {
			return found, say("events", told)
		}
	}
	return nil, fmt.Errorf("the stream ended after %v", told)
}

// describe decodes what an event is about.
func describe(event api.Event) (string, *api.Allocation, error) {
	line := fmt.Sprintf("%s %s", event.Topic, event.Type)
	switch event.Topic {
	case api.TopicJob:
		job, deleted, err := event.DeregisteredJob()
		if err != nil {
			return "", nil, err
		}
		return fmt.Sprintf("%s %s groups=%d deleted=%t", line, *job.ID, len(job.TaskGroups), deleted), nil, nil
	case api.TopicEvaluation:
		evaluation, err := event.Evaluation()
		if err != nil {
			return "", nil, err
		}
		return fmt.Sprintf("%s %s", line, evaluation.Status), nil, nil
	case api.TopicAllocation:
		alloc, err := event.Allocation()
		if err != nil {
			return "", nil, err
		}
		return fmt.Sprintf("%s %s %s", line, alloc.Name, alloc.ClientStatus), alloc, nil
	case api.TopicNode:
		_, err := event.Node()
		return line, nil, err
	case api.TopicService:
		service, err := event.Service()
		if err != nil {
			return "", nil, err
		}
		return fmt.Sprintf("%s %s", line, service.ServiceName), nil, nil
	}
	return line, nil, nil
}

// lists asks for parts of lists, and for names.
func lists(client *api.Client, alloc *api.Allocation) error {
	found := map[string]int{}
	for name, query := range map[string]*api.QueryOptions{
		"running": {Filter: fmt.Sprintf("ClientStatus == running and JobID matches `^%s$`", alloc.JobID)},
		"dead":    {Filter: `ClientStatus == "dead"`},
		"page":    {PerPage: 1, Reverse: true},
	} {
		list, _, err := client.Allocations().List(query)
		if err != nil {
			return fmt.Errorf("allocations %s: %w", name, err)
		}
		found[name] = len(list)
	}
	if _, _, err := client.Jobs().EvaluateWithOpts(alloc.JobID, api.EvalOptions{}, nil); err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	evaluations, meta, err := client.Evaluations().List(&api.QueryOptions{PerPage: 1})
	if err != nil {
		return fmt.Errorf("evaluations: %w", err)
	}
	found["evaluations"] = len(evaluations)
	count, _, err := client.Evaluations().Count(nil)
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	found["counted"] = count.Count
	more, meta, err := client.Evaluations().List(&api.QueryOptions{PerPage: 1, NextToken: meta.NextToken})
	if err != nil {
		return fmt.Errorf("evaluations: %w", err)
	}
	found["more"] = len(more)
	found["tokens"] = len(meta.NextToken)
	names, _, err := client.Search().FuzzySearch(alloc.JobID[1:], "jobs", nil)
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	found["names"] = len(names.Matches["jobs"])
	return say("lists", found)
}

// node makes the node ineligible and eligible again, and reads in its log that it did.
func node(client *api.Client, alloc *api.Allocation) error {
	stop := make(chan struct{})
	defer close(stop)
	frames, errs := client.Agent().Monitor(stop, &api.QueryOptions{Params: map[string]string{"log_level": "info"}})
	var states []string
	text := ""
	for !strings.Contains(text, "the node takes new machines") {
		for _, eligible := range []bool{false, true} {
			if _, err := client.Nodes().ToggleEligibility(alloc.NodeID, eligible, nil); err != nil {
				return fmt.Errorf("eligibility: %w", err)
			}
			info, _, err := client.Nodes().Info(alloc.NodeID, nil)
			if err != nil {
				return fmt.Errorf("node: %w", err)
			}
			states = append(states, info.SchedulingEligibility)
		}
		select {
		case frame := <-frames:
			text += string(frame.Data)
		case err := <-errs:
			return fmt.Errorf("monitor: %w", err)
		case <-time.After(time.Second):
		}
	}
	return say("node", states[:2])
}

// drain empties the node, follows that until it is done, and lets the machine come back.
func drain(ctx context.Context, client *api.Client, alloc *api.Allocation) error {
	nodes := client.Nodes()
	opts := &api.DrainOptions{
		DrainSpec: &api.DrainSpec{Deadline: patience},
		Meta:      map[string]string{"message": "new memory"},
	}
	begun, err := nodes.UpdateDrainOpts(alloc.NodeID, opts, nil)
	if err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	var told []string
	for message := range nodes.MonitorDrain(ctx, alloc.NodeID, begun.LastIndex, false) {
		if message.Level == api.MonitorMsgLevelInfo {
			told = append(told, strings.ReplaceAll(message.String(), alloc.NodeID, "ID"))
		}
	}
	slices.Sort(told)
	info, _, err := nodes.Info(alloc.NodeID, nil)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	last := info.LastDrain
	told = append(told, fmt.Sprintf("%t %s %s %v", info.Drain, info.SchedulingEligibility, last.Status, last.Meta))
	if old, _, err := client.Allocations().Info(alloc.ID, nil); err != nil {
		return fmt.Errorf("allocation: %w", err)
	} else {
		told = append(told, fmt.Sprintf("%s %s %t", old.DesiredStatus, old.DesiredDescription, old.DesiredTransition.ShouldMigrate()))
	}
	if _, err := nodes.UpdateDrainOpts(alloc.NodeID, &api.DrainOptions{MarkEligible: true}, nil); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	query := &api.QueryOptions{Filter: `ClientStatus == "running"`}
	for {
		list, meta, err := client.Allocations().List(query)
		if err != nil {
			return fmt.Errorf("allocations: %w", err)
		}
		query.WaitIndex = meta.LastIndex
		if len(list) == 0 {
			continue
		}
		next, _, err := client.Allocations().Info(list[0].ID, nil)
		if err != nil {
			return fmt.Errorf("allocation: %w", err)
		}
		told = append(told, fmt.Sprint(next.ID != alloc.ID, next.PreviousAllocation == alloc.ID))
		return say("drain", told)
	}
}

// files looks at the files of an allocation in every way that there is.
func files(client *api.Client, alloc *api.Allocation, expect string) error {
	fs := client.AllocFS()
	list, _, err := fs.List(alloc, "/", nil)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	var names []string
	for _, file := range list {
		names = append(names, fmt.Sprintf("%s %t", file.Name, file.IsDir))
	}
	slices.Sort(names)
	if err := say("list", names); err != nil {
		return err
	}
	if err := logs(client, alloc, expect); err != nil {
		return err
	}
	const path = "alloc/logs/vm.stdout.0"
	info, _, err := fs.Stat(alloc, path, nil)
	if err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	if err := say("stat", []any{info.Name, info.FileMode, info.Size > 0, time.Since(info.ModTime) < patience}); err != nil {
		return err
	}
	whole, err := read(fs.Cat(alloc, path, nil))
	if err != nil {
		return fmt.Errorf("cat: %w", err)
	}
	part, err := read(fs.ReadAt(alloc, path, 4, 8, nil))
	if err != nil {
		return fmt.Errorf("readat: %w", err)
	}
	rest, err := read(fs.ReadAt(alloc, path, 4, -1, nil))
	if err != nil {
		return fmt.Errorf("readat: %w", err)
	}
	if err := say("read", []bool{whole[4:12] == part, strings.HasPrefix(rest, whole[4:])}); err != nil {
		return err
	}
	if err := stream(fs, alloc, path, whole[:64]); err != nil {
		return err
	}
	_, _, err = fs.Stat(alloc, "vm/nothing", nil)
	_, escape := read(fs.Cat(alloc, "../../x", nil))
	return say("refused", []string{fmt.Sprint(err), fmt.Sprint(escape)})
}

// logs follows the console until the guest has written what is expected.
func logs(client *api.Client, alloc *api.Allocation, expect string) error {
	cancel := make(chan struct{})
	frames, errs := client.AllocFS().Logs(alloc, true, "vm", "stdout", api.OriginStart, 0, cancel, nil)
	text := ""
	for !strings.Contains(text, expect) {
		select {
		case frame, open := <-frames:
			if !open {
				return fmt.Errorf("the log ended after %q", text)
			}
			text += string(frame.Data)
		case err := <-errs:
			return fmt.Errorf("logs: %w", err)
		case <-time.After(patience):
			return fmt.Errorf("the guest did not write %q but %q", expect, text)
		}
	}
	close(cancel)
	return say("logs", true)
}

// stream follows a file until it has told how it begins.
func stream(fs *api.AllocFS, alloc *api.Allocation, path, begins string) error {
	cancel := make(chan struct{})
	defer close(cancel)
	frames, errs := fs.Stream(alloc, path, api.OriginStart, 0, cancel, nil)
	text := ""
	for len(text) < len(begins) {
		select {
		case frame, open := <-frames:
			if !open {
				return fmt.Errorf("the file ended after %q", text)
			}
			text += string(frame.Data)
		case err := <-errs:
			return fmt.Errorf("stream: %w", err)
		}
	}
	return say("stream", strings.HasPrefix(text, begins))
}

func read(body io.ReadCloser, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer body.Close()
	all, err := io.ReadAll(body)
	return string(all), err
}
