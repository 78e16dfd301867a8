package oracle

import (
	"fmt"
	"maps"
	"testing"
)

func TestEveryCompatibilityRowIsAccountedFor(t *testing.T) {
	rows, err := LoadRows("testdata/rows.txt")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for path, script := range scripts(t) {
		for _, s := range script.Scenarios {
			for _, row := range s.Rows {
				shown[row] = true
				if !rows.Shown[row] {
					t.Errorf("%s: %s is not in rows.txt as shown", path, row)
				}
			}
		}
	}
	for _, script := range loadScripts(t, ownScripts) {
		for _, s := range script.Scenarios {
			for _, row := range s.Rows {
				shown[row] = true
			}
		}
	}
	for row := range rows.Shown {
		if !shown[row] {
			t.Errorf("rows.txt: no scenario shows %s", row)
		}
	}
	total := 0
	for area, count := range rows.Areas {
		total += count
		for n := 1; n <= count; n++ {
			if row := fmt.Sprintf("%s-%02d", area, n); !rows.Shown[row] && rows.Reasons[row] == "" {
				t.Errorf("rows.txt: %s is missing", row)
			}
		}
	}
	if n := len(rows.Shown) + len(rows.Reasons); n != total {
		t.Errorf("rows.txt has %d rows, its areas have %d", n, total)
	}
	t.Logf("%d rows shown, %d not", len(rows.Shown), len(rows.Reasons))
}

func TestScenariosHaveOneName(t *testing.T) {
	deviations, err := LoadDeviations("testdata/deviations.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	all := scripts(t)
	maps.Copy(all, loadScripts(t, ownScripts))
	for path, script := range all {
		for _, s := range script.Scenarios {
			if names[s.Name()] {
				t.Errorf("%s: two scenarios are called %q", path, s.Name())
			}
			names[s.Name()] = true
		}
	}
	for name := range deviations {
		if !names[name] {
			t.Errorf("deviations.txt: there is no scenario %q", name)
		}
	}
}
