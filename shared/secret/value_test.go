package secret_test

import (
	"bytes"
	jsonv1 "encoding/json" //nolint:depguard // It must not print a Value either.
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/purchasely-clevertap/bridge/shared/secret"
)

const plain = "lantern-quartz-42"

func TestNothingPrintsAValue(t *testing.T) {
	value := secret.New(plain)
	type account struct {
		Public secret.Value
		hidden secret.Value
		behind *secret.Value
		list   []secret.Value
		table  map[string]secret.Value
	}
	inside := account{value, value, &value, []secret.Value{value}, map[string]secret.Value{"key": value}}
	var printed strings.Builder
	for _, what := range []any{
		value, &value, inside, &inside, []any{value}, map[string]any{"secret": value}, fmt.Errorf("%v", inside),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&printed, verb, what)
		}
		fmt.Fprintln(&printed, what)
		if text, err := jsonv1.Marshal(what); err == nil {
			printed.Write(text)
		}
		if text, err := json.Marshal(what); err == nil {
			printed.Write(text)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("secret", "value", what)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("secret", "value", what)
		printed.Write(log.Bytes())
	}
	for _, verb := range []string{"%s", "%x", "%X", "%d"} {
		if leak := fmt.Sprintf(verb, []byte(plain)); strings.Contains(printed.String(), leak) {
			t.Errorf("%q in\n%s", leak, printed.String())
		}
	}
	if !strings.Contains(printed.String(), value.String()) {
		t.Error("no placeholder where a value was")
	}
}

func TestWhatIsPastedAroundASecretDoesNotCount(t *testing.T) {
	for text, want := range map[string]string{
		"lantern-quartz-42\n": plain, " \t\r\nlantern-quartz-42 ": plain, "\u00a0lantern-quartz-42\u00a0": plain,
		"\ufefflantern-quartz-42\u200b": plain, "\u2003lantern-quartz-42\u2028": plain, "\u0085lantern-quartz-42\v\f": plain,
		"lantern quartz\u00a042": "lantern quartz\u00a042", " \n\u00a0": "", "": "", `"lantern"`: `"lantern"`,
	} {
		var value secret.Value
		if err := value.UnmarshalText([]byte(text)); err != nil || value.Reveal() != want || value.Empty() != (want == "") {
			t.Errorf("%q is %q, %v", text, value.Reveal(), err)
		}
		if got := secret.Trim(text); got != want {
			t.Errorf("%q is trimmed to %q", text, got)
		}
	}
}

func TestQuotationMarksAroundASecretAreNoticed(t *testing.T) {
	for text, want := range map[string]bool{
		`"lantern"`: true, "'lantern'": true, "“lantern”": true, "„lantern“": true, "«lantern»": true, "`lantern`": true,
		`""`: true, "lantern": false, `"lantern`: false, `lantern"`: false, `lan"tern`: false, `"lantern'`: false,
		`"`: false, "": false,
	} {
		if got := secret.New(text).Quoted(); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
	if (secret.Value{}).Quoted() {
		t.Error("nothing is in quotation marks")
	}
}

func TestValuesAreEqualByTheirTexts(t *testing.T) {
	for name, c := range map[string]struct {
		a, b secret.Value
		want bool
	}{
		"same text, two values":     {secret.New(plain), secret.New(plain), true},
		"different texts":           {secret.New(plain), secret.New("other"), false},
		"zero value and empty text": {secret.Value{}, secret.New(""), true},
		"zero value and a text":     {secret.Value{}, secret.New(plain), false},
	} {
		if c.a.Equal(c.b) != c.want || c.b.Equal(c.a) != c.want {
			t.Errorf("%s: Equal is not %t", name, c.want)
		}
	}
}
