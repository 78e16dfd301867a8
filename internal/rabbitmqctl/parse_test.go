package rabbitmqctl

import (
	"slices"
	"strings"
	"testing"
)

// What follows -- is no switch.
func TestTwoDashesEndTheSwitches(t *testing.T) {
	for line, want := range map[string][]string{
		"delete_queue -- --name":         {"--name"},
		"-q -- delete_queue -q":          {"-q"},
		"delete_queue --if-empty -- -- ": {"--"},
	} {
		in, err := ctl.parse(strings.Fields(line))
		if err != nil || in.command == nil || in.command.name != "delete_queue" || !slices.Equal(in.positions, want) {
			t.Errorf("%s: %v, %v", line, in.positions, err)
		}
	}
	if in, err := ctl.parse([]string{"--"}); err != nil || in.command != nil {
		t.Errorf("nothing but --: %+v, %v", in, err)
	}
}

// Of a large file that is no JSON only some is shown.
func TestWhatIsNoJSONIsNotShownWhole(t *testing.T) {
	s := newStage(t)
	got := s.run("rabbitmqctl import_definitions <<< '{\"queues\": [" + strings.Repeat("1, ", 1000) + "wrong" + strings.Repeat(" 1, ", 1000) + "]}'")
	text := strings.Join(got.err, "\n")
	if got.code != "65" || !strings.Contains(text, `{:unexpected_token, "wrong 1, `) || len(text) > 300 {
		t.Errorf("%s, %.500s", got.code, text)
	}
}
