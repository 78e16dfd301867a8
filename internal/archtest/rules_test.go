package archtest

import (
	"os"
	"testing"
)

// rule finds faults in a set of files.
type rule struct {
	name string
	find func([]*source) []string
}

var rules = []rule{
	{"imports follow the arrows", importsFollowArrows},
	{"libraries stay in their rooms", librariesStayInRooms},
	{"pure files are pure", pureFilesArePure},
	{"files are short", filesAreShort},
	{"functions are short", functionsAreShort},
	{"packages export few names", packagesExportFewNames},
	{"packages are explained", packagesAreExplained},
	{"exported names are explained", exportedNamesAreExplained},
	{"nothing is polled", nothingIsPolled},
	{"the clock is asked", theClockIsAsked},
	{"goroutines are few", goroutinesAreFew},
	{"nothing is left for later", nothingIsLeftForLater},
}

func TestTree(t *testing.T) {
	files := parseTree(t, os.DirFS("../.."))
	if len(files) < 20 {
		t.Fatalf("found only %d Go files: is this the root of the tree?", len(files))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, f := range r.find(files) {
				t.Error(f)
			}
		})
	}
}
