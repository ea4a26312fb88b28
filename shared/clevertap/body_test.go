package clevertap_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

func TestBody(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		records []string
		want    string
	}{
		"one record":      {[]string{`{"a":1}`}, `{"d":[{"a":1}]}`},
		"several records": {[]string{`{"a":1}`, `{}`, `{"b":"c"}`}, `{"d":[{"a":1},{},{"b":"c"}]}`},
		"an empty record": {[]string{``, `{}`}, `{"d":[,{}]}`},
		"a larger record": {[]string{strings.Repeat("x", 100_000), `{}`}, `{"d":[` + strings.Repeat("x", 100_000) + `,{}]}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var records []clevertap.Record
			for i, text := range test.records {
				records = append(records, clevertap.Record{Key: i, JSON: []byte(text)})
			}
			whole, size := clevertap.Body(records)
			if got, err := io.ReadAll(whole); err != nil || string(got) != test.want {
				t.Errorf("%.60q, %v, want %.60q", got, err, test.want)
			}
			if size != int64(len(test.want)) {
				t.Errorf("size %d, want %d", size, len(test.want))
			}
			again, _ := clevertap.Body(records)
			if err := iotest.TestReader(again, []byte(test.want)); err != nil {
				t.Error(err)
			}
		})
	}
}
