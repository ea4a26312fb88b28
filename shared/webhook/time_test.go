package webhook_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/purchasely-clevertap/bridge/shared/webhook"
)

func TestParseTime(t *testing.T) {
	for text, want := range map[string]int64{
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
		"1969-12-31T23:59:59.999Z":                           -1,
		"1969-12-31T23:59:59.9999Z":                          -1,
		"0000-01-01T00:00:00Z":                               -62167219200000,
		"9999-12-31T23:59:59.999Z":                           253402300799999,
		"2024-02-29":                                         1709164800000,
		"2000-02-29":                                         951782400000,
		"2026-12-31T23:59:59.999-23:59":                      1798847939999,
	} {
		if got, ok := webhook.ParseTime([]byte(text)); !ok || got != want {
			t.Errorf("%s is %d (%v), want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "x", "2026", "2026-03", "2026-3-14", "26-03-14", "2026/03/14", "20260314", "2026-03-14T", "2026-03-14 ", "2026-03-14T07", "2026-03-14T07:", "2026-03-14T0741",
		"2026-03-14T07:41:", "2026-03-14T07:41:5Z", "2026-03-14T07:41:52.", "2026-03-14T07:41:52.Z", "2026-03-14T07:41:52.x", "2026-03-14T07:41:52ZZ", "2026-03-14T07:41:52 Z",
		"2026-03-14T07:41:52 UTC", "2026-03-14T07:41:52+", "2026-03-14T07:41:52+1", "2026-03-14T07:41:52+01:", "2026-03-14T07:41:52+01:0", "2026-03-14T07:41:52+010", "2026-03-14T07:41:52+24:00",
		"2026-03-14T07:41:52+01:60", "2026-03-14T07:41:52+01:00Z", "2026-00-14", "2026-13-14", "2026-03-00", "2026-03-32", "2026-02-29", "1900-02-29", "2026-04-31", "2026-06-31",
		"2026-09-31", "2026-11-31", "2024-02-30", "2026-03-14T24:00:00Z", "2026-03-14T25:00:00Z", "2026-03-14T07:60:00Z", "2026-03-14T07:41:60Z", "2016-12-31T23:59:60Z",
		"+2026-03-14", "-2026-03-14", "12026-03-14", " 2026-03-14", "2026-03-14x", "2026-03-14Z", "２０２６-03-14", "1773474112", "1773474112318", "2026-W11-6", "2026-073",
		"2026-03-14_07:41:52Z", "2026-03-14T07.41.52Z", "2026-03-14T-7:41:52Z",
	} {
		if got, ok := webhook.ParseTime([]byte(text)); ok {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

func TestParseTimeAgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fraction := strings.Repeat("0", rapid.IntRange(0, 12).Draw(t, "fraction"))
		layout := rapid.SampledFrom([]string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04"}).Draw(t, "layout")
		if fraction != "" && strings.HasSuffix(layout, "05") {
			layout += rapid.SampledFrom([]string{".", ","}).Draw(t, "point") + fraction[:min(len(fraction), 9)]
		}
		layout += rapid.SampledFrom([]string{"", "Z07:00", "Z0700", "Z07", "-07:00", "-0700", "-07"}).Draw(t, "zone")
		offset := rapid.IntRange(-23*60, 23*60).Draw(t, "offset")
		if strings.HasSuffix(layout, "07") {
			offset -= offset % 60
		}
		at := time.Unix(rapid.Int64Range(-62167132800+100_000, 253402214400-100_000).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds"))
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
		number := func(high int) int { return rapid.IntRange(0, high).Draw(t, "number") }
		text := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", number(9999), number(14), number(33), number(26), number(62), number(62))
		want, err := time.Parse(time.RFC3339, text)
		got, ok := webhook.ParseTime([]byte(text))
		if ok != (err == nil) || (ok && got != want.UnixMilli()) {
			t.Fatalf("%s is %d (%v), want %d (%v)", text, got, ok, want.UnixMilli(), err)
		}
	})
}

func TestParseTimeDoesNotAllocate(t *testing.T) {
	text, date, twin := []byte("2026-03-14T08:41:52.318+01:00"), jsontext.Value(`"2026-03-14T07:41:52.318Z"`), jsontext.Value(`"1773474112318"`)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = webhook.ParseTime(text)
		_, _ = webhook.ParseDate(date)
		_, _ = webhook.ParseMillis(twin)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseDate(t *testing.T) {
	for value, want := range map[string]int64{
		`"2026-03-14T07:41:52.318Z"`:      1773474112318,
		`"2026\u002d03-14T07:41:52.318Z"`: 1773474112318,
		`1773474112`:                      1773474112000,
		`1773474112318`:                   1773474112318,
		`1773474112.3189`:                 1773474112318,
		`1773474112318.9`:                 1773474112318,
		`1.773474112e9`:                   1773474112000,
		`1773474112318000E-3`:             1773474112318,
		`17734741123180000000000000000000000000000e-28`: 1773474112318,
		`100000000000`:                      100000000000000,
		`100000000000.0000000`:              100000000000000,
		`1e11`:                              100000000000000,
		`100000000001`:                      100000000001,
		`100000000000.0001`:                 100000000000,
		`100000000000.00000000000000000001`: 100000000000,
		`99999999999.9999999`:               99999999999999,
		`0`:                                 0,
		`-0`:                                0,
		`0.0009`:                            0,
		`-0.0001`:                           -1,
		`-1`:                                -1000,
		`-1.0005`:                           -1001,
		`-100000000001`:                     -100000000001000,
		`9223372036854775806`:               9223372036854775806,
		`0e999999999999999999999`:           0,
		`1e-999999999999999999999`:          0,
		`-1e-999999999999999999999`:         -1,
		`0.` + strings.Repeat("0", 3000) + `1e3010`: 1000000000 * 1000,
	} {
		if got, ok := webhook.ParseDate(jsontext.Value(value)); !ok || got != want {
			t.Errorf("%s is %d (%v), want %d", value, got, ok, want)
		}
	}
	for _, value := range []string{
		"", "null", "true", "[]", "{}", "-", "1.", "1x", "1e", `""`, `"x"`, `"1773474112318"`, `"1773474112"`, "1e30", "-1e30", "9223372036854775808", "-9223372036854775.809", "1e999999999999999999999", "99999999999999999999999999",
	} {
		if got, ok := webhook.ParseDate(jsontext.Value(value)); ok {
			t.Errorf("%s is taken for %d", value, got)
		}
	}
}

func TestParseTwin(t *testing.T) {
	for value, want := range map[string]int64{
		`1773474112318`: 1773474112318, `"1773474112318"`: 1773474112318, `1.773474112318e12`: 1773474112318, `1773474112318.9`: 1773474112318, `0`: 0, `5`: 5, `-5`: -5,
		`"-5"`: -5, `"\u0035"`: 5,
	} {
		if got, ok := webhook.ParseMillis(jsontext.Value(value)); !ok || got != want {
			t.Errorf("%s is %d (%v), want %d", value, got, ok, want)
		}
	}
	for _, value := range []string{"", "null", "true", "[]", `""`, `"x"`, `" 5"`, `"5 "`, `"+5"`, `"05"`, `"5."`, `"5e"`, `"0x5"`, `"2026-03-14"`, `"--5"`, `"5e+"`, `"-"`, "1e30"} {
		if got, ok := webhook.ParseMillis(jsontext.Value(value)); ok {
			t.Errorf("%s is taken for %d", value, got)
		}
	}
}

func TestNumbersAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%s is no number", text)
		}
		floor := func(r *big.Rat) *big.Int { return new(big.Int).Div(r.Num(), r.Denom()) } // Euclidean, and the denominator is positive
		check := func(what string, got int64, ok bool, want *big.Int) {
			if ok != (new(big.Int).Abs(want).Cmp(big.NewInt(1<<63-1)) < 0) || (ok && got != want.Int64()) {
				t.Fatalf("%s of %s is %d (%v), want %s", what, text, got, ok, want)
			}
		}
		twin, twinOK := webhook.ParseMillis(jsontext.Value(text))
		check("twin", twin, twinOK, floor(exact))
		if exact.Cmp(big.NewRat(100_000_000_000, 1)) <= 0 {
			exact.Mul(exact, big.NewRat(1000, 1))
		}
		date, dateOK := webhook.ParseDate(jsontext.Value(text))
		check("date", date, dateOK, floor(exact))
	})
}
