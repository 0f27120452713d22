// Command go-sarif reads a SARIF 2.1.0 log from standard input with go-sarif and prints how many
// results there are. A property that the format does not have ends in exit code 1. The module also
// carries the OASIS schema, which tests take from the module cache.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
)

func main() {
	var log sarif.Report
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&log); err != nil {
		fail(err)
	}
	results := 0
	for _, run := range log.Runs {
		results += len(run.Results)
	}
	fmt.Println(results)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
