package oracle

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// document is the page that tells users what differs.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	namedRow = regexp.MustCompile(`\b([A-Z]+)-([0-9]{2})(?: to [A-Z]+-([0-9]{2}))?\b`)
	areaLine = regexp.MustCompile(`(?m)^\| ([A-Z]+) \| .* \| ([0-9]+) \|`)
)

func TestEveryDeviationIsDocumented(t *testing.T) {
	named := map[string]bool{}
	_, tables, _ := strings.Cut(document(t), "## What differs on purpose")
	for _, m := range namedRow.FindAllStringSubmatch(tables, -1) {
		first, _ := strconv.Atoi(m[2])
		last := first
		if m[3] != "" {
			last, _ = strconv.Atoi(m[3])
		}
		for n := first; n <= last; n++ {
			named[m[1]+"-"+strconv.Itoa(100 + n)[1:]] = true
		}
	}
	deviations, err := LoadDeviations("testdata/deviations.txt")
	if err != nil {
		t.Fatal(err)
	}
	for scenario := range deviations {
		if row := strings.Fields(scenario)[0]; !named[row] {
			t.Errorf("docs/compatibility.md does not name %s of the deviation %q", row, scenario)
		}
	}
}

func TestEveryAreaIsDocumented(t *testing.T) {
	const all = 660 // rows that there are
	counts, total := map[string]int{}, 0
	for _, m := range areaLine.FindAllStringSubmatch(document(t), -1) {
		n, _ := strconv.Atoi(m[2])
		counts[m[1]] = n
		total += n
	}
	if total != all {
		t.Errorf("the areas have %d rows, not %d", total, all)
	}
	rows, err := LoadRows("testdata/rows.txt")
	if err != nil {
		t.Fatal(err)
	}
	for area, n := range rows.Areas {
		if counts[area] != n {
			t.Errorf("docs/compatibility.md has %d rows of %s, rows.txt %d", counts[area], area, n)
		}
	}
}
