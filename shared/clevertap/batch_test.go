package clevertap_test

import (
	"slices"
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

// wrapper is {"d":[]}.
const wrapper = 8

func TestBatches(t *testing.T) {
	t.Parallel()
	many := func(n, size int) []int { return slices.Repeat([]int{size}, n) }
	tests := map[string]struct {
		sizes []int
		want  []int // records in each batch
	}{
		"nothing makes no batch":                       {nil, nil},
		"one record":                                   {[]int{100}, []int{1}},
		"as many as CleverTap takes":                   {many(1000, 100), []int{1000}},
		"one more":                                     {many(1001, 100), []int{1000, 1}},
		"twice as many":                                {many(2000, 100), []int{1000, 1000}},
		"as many bytes as go into one":                 {[]int{1<<19 - wrapper - 1, 1 << 19}, []int{2}},
		"one byte more":                                {[]int{1<<19 - wrapper, 1 << 19}, []int{1, 1}},
		"the commas count":                             {[]int{1<<20 - wrapper - 3, 1, 1}, []int{2, 1}},
		"a record that fills an upload":                {[]int{1, 1<<20 - wrapper, 1}, []int{1, 1, 1}},
		"a record too large for any upload goes alone": {[]int{1, 2 << 20, 1}, []int{1, 1, 1}},
		"so does the first":                            {[]int{2 << 20, 1, 1}, []int{1, 2}},
		"and the last":                                 {[]int{1, 1, 2 << 20}, []int{2, 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []int
			for batch := range clevertap.Batches(test.sizes) {
				got = append(got, len(batch))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestBatchesStopsWhenAsked(t *testing.T) {
	t.Parallel()
	for batch := range clevertap.Batches([]int{1 << 20, 1 << 20, 1 << 20}) {
		if len(batch) != 1 {
			t.Errorf("%d records", len(batch))
		}
		break
	}
}

func FuzzBatches(f *testing.F) {
	f.Add([]byte{1, 2, 3}, 1000)
	f.Add([]byte{255, 255, 255, 0, 255}, 1<<12)
	f.Add(slices.Repeat([]byte{0}, 3000), 1)
	f.Fuzz(func(t *testing.T, text []byte, scale int) {
		sizes := make([]int, len(text))
		for i, c := range text {
			sizes[i] = int(c) * (scale & (1<<14 - 1))
		}
		var joined []int
		for batch := range clevertap.Batches(sizes) {
			bytes := wrapper + len(batch) - 1
			for _, size := range batch {
				bytes += size
			}
			switch {
			case len(batch) == 0:
				t.Fatal("an empty batch")
			case len(batch) > clevertap.MaxRecords:
				t.Fatalf("%d records", len(batch))
			case bytes > clevertap.MaxUploadBytes && len(batch) > 1:
				t.Fatalf("%d records of %d bytes", len(batch), bytes)
			}
			joined = append(joined, batch...)
		}
		if !slices.Equal(joined, sizes) {
			t.Error("the batches joined are not the records")
		}
	})
}
