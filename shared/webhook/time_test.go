package webhook_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

// parses checks a parser with texts that it accepts and texts that it does not.
func parses[T ~[]byte](t *testing.T, parse func(T) (int64, bool), good map[string]int64, bad ...string) {
	t.Helper()
	for text, want := range good {
		if got, ok := parse(T(text)); !ok || got != want {
			t.Errorf("%s is %d (%v), want %d", text, got, ok, want)
		}
	}
	for _, text := range bad {
		if got, ok := parse(T(text)); ok {
			t.Errorf("%q is accepted as %d", text, got)
		}
	}
}

func TestParseTime(t *testing.T) {
	parses(t, webhook.ParseTime, map[string]int64{
		"2026-03-14T07:41:52.318Z":                1773474112318,
		"2026-03-14t07:41:52z":                    1773474112000,
		"2026-03-14 07:41:52":                     1773474112000,
		"2026-03-14T07:41:52,31Z":                 1773474112310,
		"2026-03-14T07:41:52.318999999999999999Z": 1773474112318,
		"2026-03-14T08:41:52.318+01:00":           1773474112318,
		"2026-03-14T08:41:52.318+0100":            1773474112318,
		"2026-03-14T08:41:52.318+01":              1773474112318,
		"2026-03-14 03:11:52.318-04:30":           1773474112318,
		"2026-03-14T07:41Z":                       1773474060000,
		"2026-03-14T07:41":                        1773474060000,
		"2026-03-14T08:41+01":                     1773474060000,
		"2026-03-14T08:41+0100":                   1773474060000,
		"2026-03-14T08:41+01:00":                  1773474060000,
		"2026-03-14":                              1773446400000,
		"1969-12-31T23:59:59.9999Z":               -1,
		"9999-12-31T23:59:59.999Z":                253402300799999,
		"2024-02-29":                              1709164800000,
	},
		"", "x", "2026", "2026-03", "2026-3-14", "26-03-14", "2026/03/14", "20260314", "2026-03-14T", "2026-03-14 ",
		"2026-03-14T07", "2026-03-14T0741", "2026-03-14T07:41:5Z", "2026-03-14T07:41:52.", "2026-03-14T07:41:52ZZ",
		"2026-03-14T07:41:52 UTC", "2026-03-14T07:41:52+1", "2026-02-29", "2026-13-14", "2026-03-14T24:00:00Z",
		" 2026-03-14", "2026-03-14Z", "1773474112", "2026-W11-6",
	)
}

func TestUsualTimesAreParsedWithoutAllocating(t *testing.T) {
	date, millis := jsontext.Value(`"2026-03-14T07:41:52.318Z"`), jsontext.Value(`1773474112318`)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = webhook.ParseDate(date)
		_, _ = webhook.ParseMillis(millis)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseDate(t *testing.T) {
	parses(t, webhook.ParseDate, map[string]int64{
		`"2026\u002d03-14T07:41:52.318Z"`:       1773474112318,
		`1773474112`:                            1773474112000,
		`1773474112318`:                         1773474112318,
		`1773474112.3189`:                       1773474112318,
		`1773474112318.9`:                       1773474112318,
		`1.773474112e9`:                         1773474112000,
		`1773474112318000E-3`:                   1773474112318,
		`100000000000.0000000`:                  100000000000000,
		`100000000001`:                          100000000001,
		`100000000000.00000000000000000001`:     100000000000,
		`0`:                                     0,
		`-0.0001`:                               -1,
		`-1.0005`:                               -1001,
		`9223372036854775807`:                   9223372036854775807,
		`1e-999999999999`:                       0,
		"1773474112." + strings.Repeat("9", 80): 1773474112999,
	},
		"", "null", "true", "[]", "{}", `""`, `"x"`, `"1773474112318"`, "1e30", "-1e30", "9223372036854775808",
		"-9223372036854776", "1e300", "-1e300", "1e999999999", strings.Repeat("9", 1<<20), "1."+strings.Repeat("7", 1<<18),
	)
}

func TestParseMillis(t *testing.T) {
	parses(t, webhook.ParseMillis, map[string]int64{
		`1773474112318`: 1773474112318, `"1773474112318"`: 1773474112318, `1.773474112318e12`: 1773474112318,
		`1773474112318.9`: 1773474112318, `5`: 5, `"-5"`: -5, `"\u0035"`: 5, `"5e1"`: 50,
	},
		"", "null", "[]", `""`, `"x"`, `" 5"`, `"5 "`, `"+5"`, `"05"`, `"0x5"`, `"2026-03-14"`, `"1_0"`, `"1/2"`, `"Inf"`,
	)
}

// TestNumbersAreExact writes milliseconds, and a fraction of one, with the point and the exponent in any place.
func TestNumbersAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(-1e14, 1e14-1).Draw(t, "milliseconds")
		fraction := rapid.StringMatching(`[0-9]{1,20}`).Draw(t, "fraction")
		digits := strings.TrimPrefix(fmt.Sprint(ms), "-")
		point := rapid.IntRange(1, len(digits)).Draw(t, "point")
		number := strings.TrimSuffix(fmt.Sprint(ms), digits) + digits[:point] + "." + digits[point:] + fraction
		if ms < 0 && strings.Trim(fraction, "0") != "" {
			ms--
		}
		parsers := map[int]func(jsontext.Value) (int64, bool){0: webhook.ParseMillis, -3: webhook.ParseDate}
		for exponent, parse := range parsers { // -3: in seconds
			text := fmt.Sprintf("%se%d", number, len(digits)-point+exponent)
			if got, ok := parse(jsontext.Value(text)); !ok || got != ms {
				t.Fatalf("%s is %d (%v), want %d", text, got, ok, ms)
			}
		}
	})
}
