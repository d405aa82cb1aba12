// SPDX-License-Identifier: Apache-2.0

// Package conversation is what the Go drivers share: holding conversations, reporting them as JSON
// lines, asking the harness for a fault.
package conversation

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

const (
	BaseMs   = 1_700_000_000_000
	deadline = 60 * time.Second
)

var Codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

var answers = bufio.NewReader(os.Stdin)

// Seen are the observations of one conversation.
type Seen = map[string]any

// Held is one conversation. It panics when it cannot go on.
type Held struct {
	Name string
	Hold func(prefix string) Seen
}

// Absent is what a conversation panics with when the client has no means to hold it.
type Absent string

func say(line map[string]any) {
	text, err := json.Marshal(line)
	Must(err)
	fmt.Println(string(text))
}

// Must ends the conversation on an error.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}

// Get ends the conversation on an error, else gives the value.
func Get[T any](value T, err error) T {
	Must(err)
	return value
}

// Ask has the harness kill or restart a broker; returns when that has been done.
func Ask(action string, broker int32) {
	say(map[string]any{"ask": action, "broker": broker})
	if line := Get(answers.ReadString('\n')); strings.TrimSpace(line) != "done" {
		panic(fmt.Sprintf("the harness could not %s broker %d", action, broker))
	}
}

// Until repeats the attempt until it is true.
func Until(what string, attempt func() bool) {
	for end := time.Now().Add(deadline); !attempt(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			panic(fmt.Sprintf("%s: not within %s", what, deadline))
		}
	}
}

// Record is what the conversation `codecs` sends.
type Record struct {
	Key, Value []byte
	Headers    [][2]string
	Ms         int64
}

// Samples gives the twenty records of the conversation `codecs`.
func Samples() []Record {
	var records []Record
	for i := range 20 {
		record := Record{Ms: BaseMs + int64(i)}
		if i%4 != 0 {
			record.Key = fmt.Appendf(nil, "key-%d", i)
		}
		switch i % 5 {
		case 1:
		case 2:
			record.Value = []byte{}
		default:
			record.Value = []byte(strings.Repeat(fmt.Sprintf("value-%d ", i), 20))
		}
		if i%2 == 1 {
			record.Headers = [][2]string{{"h", "one"}, {"h", "two"}, {"empty", ""}}
		}
		records = append(records, record)
	}
	return records
}

// SameBytes tells a null from an empty value.
func SameBytes(a, b []byte) bool {
	return (a == nil) == (b == nil) && string(a) == string(b)
}

// Hold holds the conversations that the command line names after BOOTSTRAP and PREFIX, or all.
func Hold(client, version string, all []Held) {
	prefix, wanted := os.Args[2], os.Args[3:]
	failed := 0
	for _, held := range all {
		if len(wanted) > 0 && !slices.Contains(wanted, held.Name) {
			continue
		}
		line := map[string]any{"client": client, "version": version, "conversation": held.Name}
		func() {
			defer func() {
				switch problem := recover().(type) {
				case nil:
				case Absent:
					line["absent"] = string(problem)
				default:
					fmt.Fprintf(os.Stderr, "%v\n%s\n", problem, debug.Stack())
					line["ok"], line["observations"] = false, Seen{}
					line["problem"] = fmt.Sprint(problem)
					failed = 1
				}
			}()
			line["observations"] = held.Hold(prefix + "-" + held.Name)
			line["ok"] = true
		}()
		say(line)
	}
	os.Exit(failed)
}
