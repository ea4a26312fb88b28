package cli_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"github.com/purchasely-clevertap/bridge/cmd/bridge/internal/cli"
)

func TestAges(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30m": 30 * time.Minute, "12h": 12 * time.Hour, "3d": 72 * time.Hour, "1d12h": 36 * time.Hour,
		"90s": 90 * time.Second, "": 0, "0": 0, "0d": 0, "-1h": 0, "d": 0, "-1d": 0, "1d-1h": 0, "3": 0, "1w": 0,
		"1.5d": 0, "99999d": 0, "yesterday": 0,
	} {
		var a cli.Age
		err := a.Set(text)
		if time.Duration(a) != want || (err == nil) != (want > 0) {
			t.Errorf("%q became %s, %v; want %s", text, time.Duration(a), err, want)
		}
		if err == nil {
			var again cli.Age
			if err := again.Set(a.String()); err != nil || again != a {
				t.Errorf("%q is shown as %q, which is %s, %v", text, a.String(), time.Duration(again), err)
			}
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "now", 0: "now", time.Second: "1s", 59 * time.Second: "59s", time.Minute: "1m",
		time.Hour - time.Second: "59m", time.Hour: "1h 0m", 23*time.Hour + 59*time.Minute: "23h 59m",
		24 * time.Hour: "1d 0h", (13*24 + 5) * time.Hour: "13d 5h",
	} {
		if got := cli.Ago(d); got != want {
			t.Errorf("%s is shown as %q, want %q", d, got, want)
		}
	}
}

func TestRates(t *testing.T) {
	for text, pace := range map[string]string{
		"50": ", 50 a second, which takes about 2s", "0.5": ", 0.5 a second, which takes about 3m20s",
		"1000": ", 1000 a second, which takes about 1s", "0": ", as fast as it goes", "-1": "", "NaN": "", "fast": "",
	} {
		var r cli.Rate
		if err := r.Set(text); (err == nil) != (pace != "") || err == nil && (r.Pace(100) != pace || r.String() != text) {
			t.Errorf("%q became %s with the pace %q, %v", text, r.String(), r.Pace(100), err)
		}
	}
}

func TestInstants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // at midnight of 1 January 2000
		for text, want := range map[string]string{
			"1999-12-30": "1999-12-30T00:00:00Z", "1999-12-30T08:30": "1999-12-30T08:30:00Z",
			"1999-12-30T08:30:01": "1999-12-30T08:30:01Z", "1999-12-30T08:30:01.5+02:00": "1999-12-30T06:30:01.5Z",
			"12h": "1999-12-31T12:00:00Z", "3d": "1999-12-29T00:00:00Z",
			"": "", "yesterday": "", "30.12.1999": "", "1999-13-01": "", "-3d": "",
		} {
			var i cli.Instant
			err := i.Set(text)
			if i.String() != want || (err == nil) != (want != "") {
				t.Errorf("%q became %q, %v; want %q", text, i.String(), err, want)
			}
		}
	})
}

func TestAPeriodIncludesTheDayOfItsEnd(t *testing.T) {
	at := func(text string) time.Time {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			panic(err)
		}
		return t
	}
	for flags, want := range map[string][4]bool{ // whether it has these times
		"":                                  {true, true, true, true},
		"--from 2026-11-21":                 {false, true, true, true},
		"--to 2026-11-21":                   {true, true, true, false},
		"--from 2026-11-21 --to 2026-11-21": {false, true, true, false},
		"--to 2026-11-21T12:00":             {true, true, false, false},
		"--from 2026-11-22 --to 2026-11-21": {},
		"--from 2026-11-21T00:00:01+00:00":  {false, false, true, true},
	} {
		var p cli.Period
		cmd := &cobra.Command{}
		cli.PeriodFlags(cmd, &p, "webhooks")
		if err := cmd.ParseFlags(strings.Fields(flags)); err != nil {
			t.Fatal(err)
		}
		got := [4]bool{
			p.Has(at("2026-11-20T23:59:59Z")), p.Has(at("2026-11-21T00:00:00Z")), p.Has(at("2026-11-21T23:59:59Z")),
			p.Has(at("2026-11-22T00:00:00Z")),
		}
		if got != want {
			t.Errorf("%s: has %v, want %v", flags, got, want)
		}
	}
}
