package webhook_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

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
		"2026-03-14T07:41:52.318Z":                           1773474112318,
		"2026-03-14T07:41:52Z":                               1773474112000,
		"2026-03-14t07:41:52z":                               1773474112000,
		"2026-03-14 07:41:52":                                1773474112000,
		"2026-03-14T07:41:52.3Z":                             1773474112300,
		"2026-03-14T07:41:52,31Z":                            1773474112310,
		"2026-03-14T07:41:52.318999999999999999Z":            1773474112318,
		"2026-03-14T07:41:52.0009Z":                          1773474112000,
		"2026-03-14T07:41:52.318" + strings.Repeat("0", 500): 1773474112318,
		"2026-03-14T08:41:52.318+01:00":                      1773474112318,
		"2026-03-14T08:41:52.318+0100":                       1773474112318,
		"2026-03-14T08:41:52.318+01":                         1773474112318,
		"2026-03-14T03:11:52.318-04:30":                      1773474112318,
		"2026-03-14T07:41:52.318-00:00":                      1773474112318,
		"2026-03-14T07:41Z":                                  1773474060000,
		"2026-03-14T07:41":                                   1773474060000,
		"2026-03-14T08:41+01":                                1773474060000,
		"2026-03-14":                                         1773446400000,
		"1970-01-01":                                         0,
		"1969-12-31T23:59:59.9999Z":                          -1,
		"0000-01-01T00:00:00Z":                               -62167219200000,
		"9999-12-31T23:59:59.999Z":                           253402300799999,
		"2024-02-29":                                         1709164800000,
		"2000-02-29":                                         951782400000,
		"2026-12-31T23:59:59.999-23:59":                      1798847939999,
	},
		"", "x", "2026", "2026-03", "2026-3-14", "26-03-14", "2026/03/14", "20260314", "2026-03-14T", "2026-03-14 ",
		"2026-03-14T07", "2026-03-14T07:", "2026-03-14T0741", "2026-03-14T07:41:", "2026-03-14T07:41:5Z",
		"2026-03-14T07:41:52.", "2026-03-14T07:41:52.Z", "2026-03-14T07:41:52.x", "2026-03-14T07:41:52ZZ",
		"2026-03-14T07:41:52 Z", "2026-03-14T07:41:52 UTC", "2026-03-14T07:41:52+", "2026-03-14T07:41:52+1",
		"2026-03-14T07:41:52+01:", "2026-03-14T07:41:52+01:0", "2026-03-14T07:41:52+010", "2026-03-14T07:41:52+24:00",
		"2026-03-14T07:41:52+01:60", "2026-03-14T07:41:52+01:00Z", "2026-00-14", "2026-13-14", "2026-03-00",
		"2026-03-32", "2026-02-29", "1900-02-29", "2026-04-31", "2026-06-31", "2026-09-31", "2026-11-31", "2024-02-30",
		"2026-03-14T24:00:00Z", "2026-03-14T07:60:00Z", "2026-03-14T07:41:60Z", "2016-12-31T23:59:60Z", "+2026-03-14",
		"-2026-03-14", "12026-03-14", " 2026-03-14", "2026-03-14x", "2026-03-14Z", "２０２６-03-14", "1773474112",
		"1773474112318", "2026-W11-6", "2026-073", "2026-03-14_07:41:52Z", "2026-03-14T07.41.52Z",
		"2026-03-14T-7:41:52Z",
	)
}

func TestParseTimeAgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		oneOf := func(what string, texts ...string) string { return rapid.SampledFrom(texts).Draw(t, what) }
		layout := oneOf("layout", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04")
		if zeros := rapid.IntRange(0, 9).Draw(t, "fraction"); zeros > 0 && strings.HasSuffix(layout, "05") {
			layout += oneOf("point", ".", ",") + strings.Repeat("0", zeros)
		}
		layout += oneOf("zone", "", "Z07:00", "Z0700", "Z07", "-07:00", "-0700", "-07")
		offset := rapid.IntRange(-23*60, 23*60).Draw(t, "offset")
		if strings.HasSuffix(layout, "07") {
			offset -= offset % 60
		}
		seconds := rapid.Int64Range(-62167132800+100_000, 253402214400-100_000).Draw(t, "seconds")
		at := time.Unix(seconds, rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds"))
		text := at.In(time.FixedZone("", 60*offset)).Format(layout)
		want, err := time.Parse(layout, text)
		if err != nil {
			t.Fatalf("%s of %s: %v", text, layout, err)
		}
		if got, ok := webhook.ParseTime([]byte(text)); !ok || got != want.UnixMilli() {
			t.Fatalf("%s is %d (%v), want %d", text, got, ok, want.UnixMilli())
		}
	})
}

func TestParseTimeRefusesWhatTheStandardLibraryRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(high int) int { return rapid.IntRange(0, high).Draw(t, "number") }
		text := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", n(9999), n(14), n(33), n(26), n(62), n(62))
		want, err := time.Parse(time.RFC3339, text)
		got, ok := webhook.ParseTime([]byte(text))
		if ok != (err == nil) || (ok && got != want.UnixMilli()) {
			t.Fatalf("%s is %d (%v), want %d (%v)", text, got, ok, want.UnixMilli(), err)
		}
	})
}

func TestUsualTimesAreParsedWithoutAllocating(t *testing.T) {
	text := []byte("2026-03-14T08:41:52.318+01:00")
	date, millis := jsontext.Value(`"2026-03-14T07:41:52.318Z"`), jsontext.Value(`1773474112318`)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = webhook.ParseTime(text)
		_, _ = webhook.ParseDate(date)
		_, _ = webhook.ParseMillis(millis)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseDate(t *testing.T) {
	parses(t, webhook.ParseDate, map[string]int64{
		`"2026-03-14T07:41:52.318Z"`:      1773474112318,
		`"2026\u002d03-14T07:41:52.318Z"`: 1773474112318,
		`1773474112`:                      1773474112000,
		`1773474112318`:                   1773474112318,
		`1773474112.3189`:                 1773474112318,
		`1773474112318.9`:                 1773474112318,
		`1.773474112e9`:                   1773474112000,
		`1773474112318000E-3`:             1773474112318,
		`17734741123180000000000000000000000000000e-28`: 1773474112318,
		`100000000000`:                           100000000000000,
		`100000000000.0000000`:                   100000000000000,
		`1e11`:                                   100000000000000,
		`100000000001`:                           100000000001,
		`100000000000.00000000000000000001`:      100000000000,
		`99999999999.9999999`:                    99999999999999,
		`0`:                                      0,
		`-0`:                                     0,
		`0.0009`:                                 0,
		`-0.0001`:                                -1,
		`-1`:                                     -1000,
		`-1.0005`:                                -1001,
		`-100000000001`:                          -100000000001000,
		`9223372036854775807`:                    9223372036854775807,
		`-1e-9999`:                               -1,
		`1e-999999999999`:                        0,
		`0e999999999999`:                         0,
		strings.Repeat("9", 1<<20) + "e-1048566": 9999999999999,
		`0.` + strings.Repeat("0", 3000) + `1e3010`: 1000000000 * 1000,
	},
		"", "null", "true", "[]", "{}", "-", "1x", "1e", `""`, `"x"`, `"1773474112318"`, `"1773474112"`, "1e30",
		"-1e30", "9223372036854775808", "-9223372036854775.809", "-9223372036854776", "1e9999999999999999999",
		"1e999999999", "-1e999999999", strings.Repeat("9", 1<<20),
	)
}

func TestParseMillis(t *testing.T) {
	parses(t, webhook.ParseMillis, map[string]int64{
		`1773474112318`: 1773474112318, `"1773474112318"`: 1773474112318, `1.773474112318e12`: 1773474112318,
		`1773474112318.9`: 1773474112318, `0`: 0, `5`: 5, `-5`: -5, `"-5"`: -5, `"\u0035"`: 5, `"5e1"`: 50,
	},
		"", "null", "true", "[]", `""`, `"x"`, `" 5"`, `"5 "`, `"+5"`, `"05"`, `"5."`, `"5e"`, `"0x5"`, `"2026-03-14"`,
		`"--5"`, `"5e+"`, `"-"`, `"1_0"`, `"1/2"`, `"Inf"`, "1e30",
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
