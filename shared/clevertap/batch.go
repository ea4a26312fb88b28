package clevertap

import "iter"

// The wrapper of an upload's records, and what stands between two of them.
var (
	opening = []byte(`{"d":[`)
	comma   = []byte(`,`)
	closing = []byte(`]}`)
)

// batches splits records into what fits one upload, by count and by bytes, wrapper and commas included. Order is kept and
// none is empty. A record that is too large for any upload goes alone, and CleverTap decides.
func batches[T any](records []T, size func(T) int) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		start, bytes := 0, len(opening)+len(closing)
		for i, record := range records {
			more := size(record)
			if i > start {
				more += len(comma)
				if i-start == MaxRecords || bytes+more > MaxUploadBytes {
					if !yield(records[start:i:i]) {
						return
					}
					start, bytes, more = i, len(opening)+len(closing), more-len(comma)
				}
			}
			bytes += more
		}
		if start < len(records) {
			yield(records[start:])
		}
	}
}
