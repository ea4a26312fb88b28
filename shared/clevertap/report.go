package clevertap

import "time"

// Report is what the uploads of one call came to, lane by lane in the order of the call.
type Report struct{ Batches []BatchReport }

// BatchReport is what one lane's uploads came to.
type BatchReport struct {
	Latencies          []time.Duration // one per HTTP request, answered or not
	Accepted           int             // records that CleverTap accepted
	CredentialsRefused bool            // the lane was stopped because of its credentials
	BreakerOpen        bool            // an open breaker left the lane alone, or stands before it now
}
