package clevertaptest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/purchasely-clevertap/bridge/shared/clevertap/clevertaptest"
)

// bad is an upload whose records are refused at the given positions of n.
func bad(n int, positions ...int) string {
	records := make([]string, n)
	for i := range records {
		records[i] = event(i+1, "")
		if slices.Contains(positions, i+1) {
			records[i] = strings.Replace(event(i+1, ""), "TRIAL_STARTED", "Stayed", 1)
		}
	}
	return list(records...)
}

func TestAnswersNameEveryRefusedRecordOnce(t *testing.T) {
	s := serverOf()
	for n := 1; n <= 12; n++ {
		var positions []int
		for p := 1; p <= n; p++ {
			if rand.IntN(2) == 0 {
				positions = append(positions, p)
			}
		}
		got := post(t, s, bad(n, positions...)).read(t)
		want := map[bool]string{true: "partial"}[len(positions) > 0 && len(positions) < n]
		if want == "" {
			want = map[bool]string{true: "success", false: "fail"}[len(positions) == 0]
		}
		var named []int
		for _, e := range got.Unprocessed {
			named = append(named, e.position())
		}
		slices.Sort(named)
		if got.Status != want || got.processed() != n-len(positions) || !slices.Equal(named, positions) {
			t.Errorf("%d with %v refused: %+v", n, positions, got)
		}
	}
}

// TestAnswersTakeTurns looks for every form that an answer can have.
func TestAnswersTakeTurns(t *testing.T) {
	s := serverOf()
	var numbers, texts, marked, shuffled, chunked, sized, closed, kept int
	ends := map[string]int{}
	for range 30 {
		raw := post(t, s, bad(6, 1, 2, 4, 5, 6))
		got := raw.read(t)
		var order []int
		for _, e := range got.Unprocessed {
			order = append(order, e.position())
			if e.Code.Kind() == '"' {
				texts++
			} else {
				numbers++
			}
			if strings.Contains(e.Error, "ErrorCode: 513 - ") {
				marked++
			}
			before, _, _ := strings.Cut(e.Error, "Skipped")
			ends[before[len(strings.TrimRight(before, ". ")):]]++
		}
		if !slices.IsSorted(order) {
			shuffled++
		}
		if raw.chunked {
			chunked++
		} else if raw.header.Get("Content-Length") != "" {
			sized++
		}
		if raw.last {
			closed++
		} else {
			kept++
		}
	}
	if numbers != 75 || texts != 75 || marked != 50 {
		t.Errorf("codes: %d numbers, %d texts; %d with ErrorCode", numbers, texts, marked)
	}
	if diff := cmp.Diff(map[string]int{".": 50, ". ": 50, "..": 50}, ends); diff != "" {
		t.Error(diff)
	}
	if shuffled < 20 || chunked != 15 || sized != 15 || closed != 10 || kept != 20 {
		t.Errorf("%d shuffled, %d chunked, %d sized, %d closed, %d kept", shuffled, chunked, sized, closed, kept)
	}
}

// TestEchoes compares what came back with what was sent: the same in other words.
func TestEchoes(t *testing.T) {
	for name, c := range map[string]struct {
		record string
		want   map[string][]any // by key, the forms that must occur, and no other
	}{
		"an identity of digits": {
			`{"type":"event","identity":"123456789012345","ts":1793620800,"evtName":"Stayed","evtData":{}}`,
			map[string][]any{"identity": {123456789012345.0}, "ts": {1793620800.0, "1793620800"}, "evtName": {"Stayed"}},
		},
		"an identity of too many digits": {
			`{"type":"event","identity":"1234567890123456","evtName":"Stayed","evtData":{}}`,
			map[string][]any{"identity": {"1234567890123456"}},
		},
		"an identity with a zero in front": {
			`{"type":"event","identity":"007","evtName":"Stayed","evtData":{}}`, map[string][]any{"identity": {"007"}},
		},
		"a phone": {
			`{"type":"profile","identity":"a","profileData":{"Phone":"+49301234567","Age":"x","n":9.90}}`,
			map[string][]any{"Phone": {49301234567.0}, "n": {9.9, "9.90"}, "Age": {"x"}},
		},
		"letters beyond ASCII": {
			`{"type":"event","identity":"\u00e9\n","evtName":"Stayed","evtData":{"é":"\u00fc"}}`,
			map[string][]any{"identity": {"é\n"}, "é": {"ü"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serverOf()
			seen := map[string]map[any]bool{}
			for range 24 {
				record := post(t, s, list(c.record)).read(t).Unprocessed[0].Record
				if string(record) == c.record {
					t.Fatal("the echo is exact")
				}
				var echo map[string]any
				if err := json.Unmarshal(record, &echo); err != nil {
					t.Fatal(err)
				}
				for _, data := range []string{"evtData", "profileData"} {
					inner, _ := echo[data].(map[string]any)
					maps.Copy(echo, inner)
				}
				for key := range c.want {
					if seen[key] == nil {
						seen[key] = map[any]bool{}
					}
					seen[key][echo[key]] = true
				}
			}
			for key, forms := range c.want {
				want := map[any]bool{}
				for _, form := range forms {
					want[form] = true
				}
				if diff := cmp.Diff(want, seen[key]); diff != "" {
					t.Errorf("%s: %s", key, diff)
				}
			}
		})
	}
}

// TestSeedRepeatsEverything sends the same to three servers.
func TestSeedRepeatsEverything(t *testing.T) {
	run := func(seed uint64) string {
		s := serverOf(withFaults(
			clevertaptest.Fault{Kind: clevertaptest.Status, Rate: 0.3},
			clevertaptest.Fault{Kind: clevertaptest.BadCount, Rate: 0.3},
			clevertaptest.Fault{Kind: clevertaptest.Passing, Share: 0.3},
		), func(c *clevertaptest.Config) { c.Seed = seed })
		var b strings.Builder
		for pass := range 2 {
			for range 20 {
				got := post(t, s, bad(6, 1, 2, 4))
				fmt.Fprintln(&b, pass, got.status, got.body, got.chunked, got.last)
			}
			s.Reset()
		}
		return b.String()
	}
	first := run(7)
	if first != run(7) {
		t.Error("one seed, two runs")
	}
	if first == run(8) {
		t.Error("two seeds, one run")
	}
	half := len(first) / 2
	if got := strings.ReplaceAll(first[half:], "1 200", "0 200"); strings.ReplaceAll(got, "1 503", "0 503") != first[:half] {
		t.Error("a reset does not start afresh")
	}
}

func TestDryRunStoresNothing(t *testing.T) {
	s := serverOf()
	got := call(t, s.Transport(), requestOf(t, upload+"?dryRun=1", bad(2, 2))).read(t)
	if got.Status != "partial" || got.processed() != 1 || got.Unprocessed[0].code() != 513 {
		t.Errorf("%+v", got)
	}
	if len(s.Records("")) != 0 || len(s.Profiles()) != 0 || len(s.Objections()) != 0 || len(s.Refusals(account)) != 0 || s.DryRuns(account) != 1 {
		t.Error("a dry run left something behind")
	}
	if got := call(t, s.Transport(), requestOf(t, upload+"?dryRun=0", events(1))); got.status != http.StatusOK || len(s.Records("")) != 1 {
		t.Error("dryRun=0 is no dry run")
	}
}
