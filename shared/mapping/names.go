package mapping

import "github.com/purchasely-clevertap/bridge/shared/clevertap"

// names are the names in one record. Two that CleverTap treats as one cannot both be in it.
type names struct {
	list  []name
	slots []slot // open addressing; a power of two, never more than half full
	epoch uint32 // slots of another epoch are free
}

// name is a name and the sum of what CleverTap compares of it.
type name struct {
	text []byte
	sum  uint64
}

type slot struct {
	epoch uint32
	index int32
}

// fewNames is the size to begin with: twice what a webhook has.
const fewNames = 128

func (n *names) reset() {
	n.list = n.list[:0]
	n.epoch++
	if n.epoch == 0 { // the old slots would count again
		clear(n.slots)
		n.epoch = 1
	}
}

// add takes a name in, and tells whether it was not there yet. The text must stay as it is.
func (n *names) add(text []byte, sum uint64) bool {
	if 2*len(n.list) >= len(n.slots) {
		n.grow()
	}
	mask := uint64(len(n.slots) - 1)
	for i := sum & mask; ; i = (i + 1) & mask {
		s := &n.slots[i]
		if s.epoch != n.epoch {
			*s = slot{n.epoch, int32(len(n.list))}
			n.list = append(n.list, name{text, sum})
			return true
		}
		if there := n.list[s.index]; there.sum == sum && clevertap.Same(there.text, text) {
			return false
		}
	}
}

func (n *names) grow() {
	n.slots = make([]slot, max(fewNames, 2*len(n.slots)))
	n.epoch = 1
	mask := uint64(len(n.slots) - 1)
	for k, there := range n.list {
		i := there.sum & mask
		for n.slots[i].epoch == n.epoch {
			i = (i + 1) & mask
		}
		n.slots[i] = slot{n.epoch, int32(k)}
	}
}

// The FNV-1a sum of 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// foldedSum is the sum of what CleverTap compares of a name. Its halves are mixed, since slots are found by the low bits.
func foldedSum(text []byte) uint64 {
	if sum, simple := simpleSum(text); simple {
		return sum
	}
	var few [128]byte
	sum := uint64(fnvOffset)
	for _, c := range clevertap.Fold(few[:0], text) {
		sum = (sum ^ uint64(c)) * fnvPrime
	}
	return sum ^ sum>>32
}

// simpleSum is the same sum for names like the vendor's, of small letters, digits and underscores: they are their own fold, and
// there is nothing in them to be cleaned.
func simpleSum(text []byte) (sum uint64, simple bool) {
	sum = fnvOffset
	for _, c := range text {
		if (c < 'a' || c > 'z') && c != '_' && (c < '0' || c > '9') {
			return 0, false
		}
		sum = (sum ^ uint64(c)) * fnvPrime
	}
	return sum ^ sum>>32, true
}
