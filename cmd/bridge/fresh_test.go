package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
)

func TestReplaceValues(t *testing.T) {
	values := map[string]string{"a": "7", "b": `"x"`}
	for name, c := range map[string][2]string{
		"every other byte stays":           {"{\n \"a\" : 1.50 ,\"c\":[1, 2]}\n", "{\n \"a\" : 7 ,\"c\":[1, 2]}\n"},
		"names inside values stay":         {`{"c":{"a":1},"b":{"a":1}}`, `{"c":{"a":1},"b":"x"}`},
		"an escaped name is the same":      {`{"\u0061":1}`, `{"\u0061":7}`},
		"what is not there is not added":   {`{"c":1}`, `{"c":1}`},
		"what is no object stays whole":    {`["a",1]`, `["a",1]`},
		"what is not whole stays as it is": {`{"a":1,`, `{"a":7,`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(replaceValues([]byte(c[0]), values)); got != c[1] {
				t.Errorf("got %s, want %s", got, c[1])
			}
		})
	}
}

func TestAFreshSampleIsNewsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type sample struct {
			Name      string `json:"event_name"`
			ID        string `json:"event_id"`
			Created   string `json:"event_created_at"`
			CreatedMS int64  `json:"event_created_at_ms"`
		}
		var first, second sample
		for _, s := range []*sample{&first, &second} {
			body, err := freshSample("ACTIVATE", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(body, s); err != nil {
				t.Fatal(err)
			}
		}
		if first.ID == second.ID || strings.Count(first.ID, "-") != 4 || len(first.ID) != 36 {
			t.Errorf("the event ids are %q and %q", first.ID, second.ID)
		}
		if first.Name != "ACTIVATE" || first.Created != "2000-01-01T00:00:00.000Z" || first.CreatedMS != time.Now().UnixMilli() {
			t.Errorf("the sample is %+v", first)
		}
	})
}
