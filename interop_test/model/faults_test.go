package model

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// faults are rules that the model can get wrong: each is to be noticed.
var faults = []string{
	"what comes back is not marked",
	"what comes back goes last",
	"auto-delete exchanges stay",
	"a multiple acknowledgement is a single one",
	"an alternate exchange is never asked",
	"mandatory is ignored",
	"limits of a channel are ignored",
}

// featureFaults are likewise, of sequences of single methods, in which queues do
// more.
var featureFaults = []string{
	"consumers take no turns",
	"priorities are ignored",
	"messages do not rise",
	"limits count what is not settled",
	"limits drop what came last",
	"what is refused is confirmed",
	"deaths are not counted",
	"a letter keeps its keys",
	"dead letters go round for ever",
	"one delivery more than the limit",
	"every consumer is active",
	"messages do not say when they expire",
	"a letter may expire again",
	"queues do not expire",
	"use does not keep a queue",
	"what comes back lives anew",
	"what expires waits for nobody",
	"the policy of the lowest priority holds",
	"arguments win over policies",
	"policies win over arguments",
	"nothing is delayed",
	"consumers see no delay",
	"duplicates are taken",
	"messages are known for ever",
	"any number of messages is known",
	"what is refused is known",
	"quorum queues keep positions",
	"groups are shared",
	"messages of any group are got",
	"what died never comes back",
}

// durableFaults are likewise, of what outlives the broker.
var durableFaults = []string{
	"every message is persistent",
	"a restart forgets what was delivered",
	"what was delivered comes back last",
	"bindings do not survive",
	"a queue returns empty",
}

// durableFeatureFaults are both.
var durableFeatureFaults = []string{
	"policies do not survive",
	"what is delayed does not survive",
	"what is known survives",
	"quorum queues lose what is transient",
}

func TestAModelWithOneWrongRuleIsFoundOut(t *testing.T) {
	findOut(t, "", slices.Concat(faults, featureFaults))
}

func TestAModelWithOneWrongRuleOfRestartsIsFoundOut(t *testing.T) {
	findOut(t, t.TempDir(), slices.Concat(durableFaults, durableFeatureFaults))
}

// foundBy are sequences by which rules were found out: they are tried first. When
// sequences are drawn in another way, others have to be looked for.
var foundBy = map[string]int{
	"a letter keeps its keys":                    5,
	"a letter may expire again":                  400,
	"a multiple acknowledgement is a single one": 10,
	"an alternate exchange is never asked":       51,
	"any number of messages is known":            5,
	"arguments win over policies":                41,
	"auto-delete exchanges stay":                 79,
	"bindings do not survive":                    8,
	"consumers see no delay":                     123,
	"consumers take no turns":                    8,
	"dead letters go round for ever":             5,
	"deaths are not counted":                     291,
	"duplicates are taken":                       5,
	"every consumer is active":                   41,
	"every message is persistent":                6,
	"groups are shared":                          216,
	"limits count what is not settled":           13,
	"limits drop what came last":                 5,
	"limits of a channel are ignored":            19,
	"messages are known for ever":                54,
	"messages do not rise":                       93,
	"messages do not say when they expire":       34,
	"messages of any group are got":              292,
	"nothing is delayed":                         12,
	"one delivery more than the limit":           43,
	"policies do not survive":                    8,
	"policies win over arguments":                81,
	"priorities are ignored":                     5,
	"queues do not expire":                       13,
	"quorum queues keep positions":               81,
	"quorum queues lose what is transient":       6,
	"the policy of the lowest priority holds":    76,
	"use does not keep a queue":                  292,
	"what comes back goes last":                  14,
	"what comes back is not marked":              1,
	"what comes back lives anew":                 123,
	"what died never comes back":                 207,
	"what is delayed does not survive":           973,
	"what is known survives":                     222,
	"what is refused is confirmed":               123,
	"what is refused is known":                   5,
	"what was delivered comes back last":         110,
}

func findOut(t *testing.T, dir string, faults []string) {
	const enough = 2000 // sequences; the rarest wants several hundred
	for _, wrong := range faults {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel() // most of the time goes into waiting for what does not come
			played := rapid.Custom(func(r *rapid.T) (difference string) {
				inBubble(t, func() { difference = sequence(r, dir, wrong).difference })
				return difference
			})
			for seed := range enough {
				if seed = (seed + foundBy[wrong]) % enough; played.Example(seed) != "" {
					t.Logf("%q: %d in foundBy", wrong, seed)
					return
				}
			}
			t.Errorf("not noticed in %d sequences", enough)
		})
	}
}
