package cli_test

import (
	"testing"
	"time"

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
