package clevertap

import (
	"time"

	"github.com/purchasely-clevertap/bridge/shared/fault"
)

// item is a record on its way, with what has been tried for it in this invocation.
type item struct {
	Record
	repeats  int  // uploads of this record alone after a code that may pass
	failures int  // uploads of this record alone that were refused with a code nobody knows
	closed   bool // whether the book has its end
}

// segment is what goes into one upload. Its records are never changed in place: halves and repeats share them.
type segment struct {
	records []*item
	turn    int          // its place in the lane's order
	pair    int          // the same for the two halves of an upload; 0: it is none
	busy    int          // how often CleverTap was too busy for it
	after   time.Time    // when it may go; zero: at once
	reason  *fault.Fault // why it goes again, and its end should there be no time for that; nil: it is new
}
